import numpy as np
import torch

from submissions_sandbox.architectures import Architecture, build
from training.fitting import Fit, TrainingSet, draw, steps
from training.recipe import Recipe
from training.threads import one_thread
from training.trimmed import trim

TINY = Architecture(width=4, n_classes=3)
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=2e-3)
CPU = torch.device("cpu")


def faces(n=40):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    labels = generator.integers(0, 3, n)
    return TrainingSet.of(images, labels, architecture=TINY, recipe=RECIPE, device=CPU)


def start(seed, *, trimmed=False):
    drawn = draw(seed, architecture=TINY, recipe=RECIPE, n_images=40)
    if trimmed:
        trim(drawn.net, TINY, (32, 32))
    return drawn


def run(fit, orders):
    with one_thread():
        for step in steps(RECIPE, 40):
            fit.set_rate(step.rate)
            fit.step(step.rows(orders))
    return fit.state()


def test_first_network_is_what_the_seed_builds():
    torch.manual_seed(7)
    expected = build(TINY).state_dict()
    found = start(7).net.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_restart_in_place_gives_the_bits_of_a_fresh_start():
    data = faces()
    fresh = run(Fit(start(1, trimmed=True).net, data, RECIPE), start(1).orders)
    fit = Fit(start(2, trimmed=True).net, data, RECIPE)
    run(fit, start(2).orders)
    fit.restart(start(1, trimmed=True).net)
    again = run(fit, start(1).orders)
    assert all(torch.equal(again[name], fresh[name]) for name in fresh)


def test_step_is_plain_adam_on_the_weighted_loss():
    data = faces()
    drawn = start(3)
    fit = Fit(drawn.net, data, RECIPE)
    net = build(TINY)
    net.load_state_dict(drawn.net.state_dict())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=RECIPE.weight_decay)
    loss = torch.nn.CrossEntropyLoss(data.class_weights)
    fit.set_rate(1e-3)
    for rows in (torch.arange(16), torch.arange(10, 26)):
        optimizer.zero_grad()
        loss(net(data.images[rows].float()), data.labels[rows]).backward()
        optimizer.step()
        fit.step(rows)
    for name, expected in net.state_dict().items():
        torch.testing.assert_close(fit.net.state_dict()[name], expected, rtol=1e-3, atol=1e-5)


def test_steps_are_the_batches_of_each_epoch_in_turn():
    assert [(step.epoch, step.start, step.stop) for step in steps(RECIPE, 40)] == [
        (epoch, begin, end) for epoch in (0, 1) for begin, end in ((0, 16), (16, 32), (32, 40))
    ]


def test_state_is_a_copy():
    fit = Fit(start(0).net, faces(), RECIPE)
    before = fit.state()
    kept = {name: tensor.clone() for name, tensor in before.items()}
    fit.step(torch.arange(16))
    assert all(torch.equal(before[name], kept[name]) for name in kept)
