import numpy as np
import pytest
import torch

from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe
from training.train import train, train_many

TINY = Architecture(width=4, n_classes=3)
QUICK = Recipe(epochs=2, batch_size=16, learning_rate=2e-3, class_weights=False)


def stripes(n, *, seed=0):
    """Images of three kinds that only a trained network tells apart: which channel has stripes."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    images = generator.integers(80, 176, (n, 3, 32, 32), dtype=np.uint8)
    images[np.arange(n), labels, :, ::4] = 255
    return images, labels


def accuracy(state, images, labels):
    net = build(TINY)
    net.load_state_dict(state)
    net.eval()
    with torch.no_grad():
        return (net(torch.from_numpy(images).float()).argmax(1).numpy() == labels).mean()


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_training_on_raw_0_to_255_images_learns():
    state = train(
        *stripes(300),
        architecture=TINY,
        recipe=Recipe(epochs=5, batch_size=32, learning_rate=5e-3, cosine="step"),
        seed=0,
    )
    assert accuracy(state, *stripes(100, seed=1)) > 0.9


def test_same_seed_gives_the_same_weights_whatever_ran_before():
    data = stripes(40)
    first = train(*data, architecture=TINY, recipe=QUICK, seed=5)
    torch.rand(7)
    assert equal(first, train(*data, architecture=TINY, recipe=QUICK, seed=5))
    assert not equal(first, train(*data, architecture=TINY, recipe=QUICK, seed=6))


def test_each_epoch_has_an_order_of_its_own_that_the_seed_decides(monkeypatch):
    seen = []

    class Loss(torch.nn.CrossEntropyLoss):
        def forward(self, logits, labels):
            seen.extend(labels.tolist())
            return super().forward(logits, labels)

    monkeypatch.setattr(torch.nn, "CrossEntropyLoss", Loss)
    images, _ = stripes(40)
    labels = np.arange(40)  # a class of its own for each image
    for seed in (1, 2):
        train(images, labels, architecture=Architecture(width=2, n_classes=40), recipe=QUICK, seed=seed)
    orders = [tuple(seen[start : start + 40]) for start in range(0, 160, 40)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(40)) for order in orders)


def test_training_leaves_global_state_alone():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        torch.manual_seed(3)
        expected = torch.rand(3)
        torch.manual_seed(3)
        train(*stripes(20), architecture=TINY, recipe=QUICK, seed=0)
        assert torch.equal(torch.rand(3), expected)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def steps(n_images, **changes):
    """How many optimiser steps were made, read off batch norm's own counter."""
    recipe = Recipe(**{**QUICK.to_dict(), **changes})
    state = train(*stripes(n_images), architecture=TINY, recipe=recipe, seed=0)
    return int(state["bn1.num_batches_tracked"])


def test_incomplete_last_batch_is_used_unless_dropped():
    assert steps(40) == 6
    assert steps(40, drop_last=True) == 4
    assert steps(32, drop_last=True) == 4


def test_last_batch_of_one_image_is_left_out():
    assert steps(33) == 4


def test_too_few_images_for_one_step_is_an_error():
    with pytest.raises(ValueError, match="15 images are too few to train with batches of 16"):
        steps(15, drop_last=True)
    with pytest.raises(ValueError, match="too few"):
        steps(1)


@pytest.mark.parametrize(
    ("cosine", "rates"), [("epoch", [1.0, 1.0, 0.5, 0.5]), ("step", [1.0, 0.8536, 0.5, 0.1464])]
)
def test_learning_rate_falls_as_a_cosine(cosine, rates, monkeypatch):
    seen = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: seen.append(float(self.param_groups[0]["lr"])) or step(self)
    )
    recipe = Recipe(epochs=2, batch_size=16, learning_rate=1.0, cosine=cosine)
    train(*stripes(32), architecture=TINY, recipe=recipe, seed=0)
    assert seen == pytest.approx(rates, abs=1e-4)


def test_class_weights_are_inverse_frequencies(monkeypatch):
    seen = []
    loss = torch.nn.CrossEntropyLoss
    monkeypatch.setattr(torch.nn, "CrossEntropyLoss", lambda weight: seen.append(weight) or loss(weight))
    images, _ = stripes(20)
    labels = np.array([0] * 15 + [2] * 5)  # class 1 has no image
    train(images, labels, architecture=TINY, recipe=Recipe(epochs=1), seed=0)
    train(images, labels, architecture=TINY, recipe=QUICK, seed=0)
    assert seen[0].tolist() == pytest.approx([20 / 30, 0.0, 2.0])
    assert seen[1] is None


def test_a_reference_does_not_depend_on_those_trained_with_it():
    data = stripes(40)
    alone = next(train_many(*data, architecture=TINY, recipe=QUICK, seeds=[5]))
    first, second = train_many(*data, architecture=TINY, recipe=QUICK, seeds=[9, 5])
    assert equal(alone.state, second.state)
    assert not equal(first.state, second.state)
    assert alone.seconds > 0


def test_references_follow_the_full_network_up_to_rounding():
    data = stripes(64)
    full = train(*data, architecture=TINY, recipe=QUICK, seed=5)
    (reference,) = train_many(*data, architecture=TINY, recipe=QUICK, seeds=[5])
    for name in ("conv1.weight", "layer3.1.conv2.weight", "fc.weight", "layer4.1.bn2.running_var"):
        torch.testing.assert_close(reference.state[name], full[name], rtol=1e-3, atol=1e-4)
    alive = reference.state["layer4.1.conv2.weight"]
    torch.testing.assert_close(
        alive[:, :, 1, 1], full["layer4.1.conv2.weight"][:, :, 1, 1], rtol=1e-3, atol=1e-4
    )
    assert alive.count_nonzero() == alive[:, :, 1, 1].numel()
