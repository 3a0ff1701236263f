import dataclasses

import numpy as np
import pytest
import torch

from faces.bundle import Bundle, Split
from submissions_sandbox.architectures import Architecture, build
from training import evaluation
from training.evaluation import Evaluation, Evaluator, sample_indices

ARCHITECTURE = Architecture(width=4)


def split(n, first_id, *, seed):
    generator = np.random.default_rng(seed)
    age = generator.integers(0, 100, n)
    return Split(
        images=generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8),
        age=age,
        age_group=age // 10,
        person_id=np.arange(first_id, first_id + n),
        image_id=np.arange(first_id, first_id + n),
    )


@pytest.fixture(scope="module")
def bundle():
    return Bundle(
        retain=split(510, 0, seed=0),
        forget=split(30, 2000, seed=1),
        val=split(5, 3000, seed=2),
        test=split(40, 4000, seed=3),
        manifest={"licence": "CC0-1.0", "provenance": {}},
    )


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = build(ARCHITECTURE)
    with torch.no_grad():
        net(torch.rand(64, 3, 32, 32) * 255)  # so that the running statistics are not trivial
    return net.eval()


def logits(net, split):
    with torch.no_grad():
        return net(torch.from_numpy(split.images).float()).numpy()


def test_evaluation_is_what_the_network_says_in_eval_mode(bundle, net):
    result = Evaluator(bundle, ARCHITECTURE).evaluate(net.state_dict())
    np.testing.assert_allclose(result.forget_logits, logits(net, bundle.forget), rtol=1e-4, atol=1e-4)
    assert result.forget_logits.shape == (30, 10)
    assert result.forget_logits.dtype == np.float32
    for name in ("retain", "test"):
        data = getattr(bundle, name)
        right = (logits(net, data).argmax(1) == data.age_group).mean()
        assert getattr(result, f"{name}_accuracy") == pytest.approx(right, abs=0.005)


def test_sampled_logits_are_those_of_the_sampled_images_and_of_a_small_set_whole(bundle, net):
    result = Evaluator(bundle, ARCHITECTURE).evaluate(net.state_dict())
    retain = logits(net, bundle.retain)[sample_indices(510)]
    np.testing.assert_allclose(result.retain_logits, retain, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(result.test_logits, logits(net, bundle.test), rtol=1e-4, atol=1e-4)
    assert result.retain_logits.shape == (256, 10)
    assert result.retain_logits.dtype == result.test_logits.dtype == np.float32


@pytest.mark.parametrize("n_images", [1, 40, 256])
def test_sample_of_a_small_set_is_all_of_it_in_order(n_images):
    np.testing.assert_array_equal(sample_indices(n_images), np.arange(n_images))


def test_sample_of_a_large_set_is_drawn_from_all_of_it_without_replacement():
    indices = sample_indices(10_000)
    assert indices.shape == (256,)
    assert np.all(np.diff(indices) > 0)
    counts, _ = np.histogram(indices, bins=4, range=(0, 10_000))
    assert np.all(np.abs(counts - 64) < 4 * np.sqrt(64 * 0.75))


def test_sample_is_the_same_on_every_machine_and_under_every_version_of_numpy():
    np.testing.assert_array_equal(sample_indices(300)[::50], [0, 61, 121, 181, 239, 294])


class Fixed:
    """A network that says class 0 of a black image, and infinity of any other."""

    def load_state_dict(self, state):
        pass

    def __call__(self, images):
        return torch.where(images[:, 0, 0, :1] > 0, torch.inf, torch.eye(10)[:1])


def evaluate_black(bundle, white=None):
    """What `Fixed` makes of the bundle if all images are black, but for a white one: its split and index."""
    splits = {name: getattr(bundle, name) for name in ("forget", "retain", "test")}
    for name, data in splits.items():
        splits[name] = dataclasses.replace(data, images=np.zeros_like(data.images))
    if white:
        name, index = white
        splits[name].images[index] = 255
    evaluator = Evaluator(dataclasses.replace(bundle, **splits), ARCHITECTURE)
    evaluator._net = Fixed()
    return evaluator.evaluate({})


def test_accuracy_is_of_the_whole_set_not_of_the_sample(bundle):
    is_right = bundle.retain.age_group == 0
    assert evaluate_black(bundle).retain_accuracy == is_right.mean() != is_right[sample_indices(510)].mean()


@pytest.mark.parametrize("white", [("forget", 3), ("retain", 509), ("test", 39)])
def test_one_image_that_overflows_is_an_error_even_outside_the_sample(bundle, white):
    assert 509 not in sample_indices(len(bundle.retain))
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        evaluate_black(bundle, white)


def test_evaluating_twice_gives_the_same_bits_whatever_was_evaluated_between(bundle, net):
    evaluator = Evaluator(bundle, ARCHITECTURE)
    first = evaluator.evaluate(net.state_dict())
    other = evaluator.evaluate(build(ARCHITECTURE).state_dict())
    again = evaluator.evaluate(net.state_dict())
    assert np.array_equal(first.forget_logits, again.forget_logits)
    assert not np.array_equal(first.forget_logits, other.forget_logits)


def test_evaluation_computes_on_one_thread(bundle, net, monkeypatch):
    threads = []
    evaluator = Evaluator(bundle, ARCHITECTURE)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        monkeypatch.setattr(
            torch.nn.Linear,
            "forward",
            lambda self, x: threads.append(torch.get_num_threads()) or x @ self.weight.T,
        )
        evaluator.evaluate(net.state_dict())
        assert set(threads) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_state_that_does_not_fit_is_an_error(bundle):
    with pytest.raises(RuntimeError, match="size mismatch"):
        Evaluator(bundle, ARCHITECTURE).evaluate(build(Architecture(width=5)).state_dict())


def evaluation_of(generator):
    drawn = (generator.normal(size=(n, 10)).astype(np.float32) for n in (7, 5, 4))
    return Evaluation(*drawn, retain_accuracy=1 / 3, test_accuracy=0.1)


def test_evaluation_survives_its_bytes_bit_for_bit():
    written = evaluation_of(np.random.default_rng(0))
    read = Evaluation.from_bytes(written.to_bytes())
    for name in ("forget_logits", "retain_logits", "test_logits"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
        assert getattr(read, name).dtype == np.float32
    assert (read.retain_accuracy, read.test_accuracy) == (1 / 3, 0.1)


def test_evaluation_of_strided_logits_is_written_in_their_order():
    written = evaluation_of(np.random.default_rng(0))
    strided = dataclasses.replace(written, test_logits=np.asfortranarray(written.test_logits))
    assert strided.to_bytes() == written.to_bytes()


def test_evaluation_of_another_version_is_refused(monkeypatch):
    written = evaluation_of(np.random.default_rng(0)).to_bytes()
    monkeypatch.setattr(evaluation, "EVALUATOR_VERSION", "4")
    with pytest.raises(ValueError, match="version 3, not 4"):
        Evaluation.from_bytes(written)
