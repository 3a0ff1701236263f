import numpy as np
import pytest
import torch

from faces.bundle import Bundle, Split
from submissions_sandbox.architectures import Architecture, build
from training import evaluation
from training.evaluation import Evaluation, Evaluator

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


def test_evaluation_survives_its_bytes_bit_for_bit():
    forget_logits = np.random.default_rng(0).normal(size=(7, 10)).astype(np.float32)
    written = Evaluation(forget_logits, retain_accuracy=1 / 3, test_accuracy=0.1)
    read = Evaluation.from_bytes(written.to_bytes())
    assert np.array_equal(read.forget_logits, forget_logits)
    assert (read.retain_accuracy, read.test_accuracy) == (1 / 3, 0.1)


def test_evaluation_of_another_version_is_refused(monkeypatch):
    written = Evaluation(np.zeros((1, 10), np.float32), 0.5, 0.5).to_bytes()
    monkeypatch.setattr(evaluation, "EVALUATOR_VERSION", "2")
    with pytest.raises(ValueError, match="version 1, not 2"):
        Evaluation.from_bytes(written)
