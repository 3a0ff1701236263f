import contextlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from submissions_sandbox.architectures import Architecture
from training import cuda
from training.fitting import TrainingSet, draw
from training.recipe import Recipe
from training.threads import one_thread
from training.train import train_many
from training.trimmed import trim

TINY = Architecture(width=4, n_classes=3)
RECIPE = Recipe(epochs=2, batch_size=16, learning_rate=2e-3, cosine="step")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def faces(n=40):
    generator = np.random.default_rng(0)
    return generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8), generator.integers(0, 3, n)


def train_all(seeds, device):
    models = train_many(*faces(), architecture=TINY, recipe=RECIPE, seeds=seeds, device=device)
    return [model.state for model in models]


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture
def graphs_on_the_cpu(monkeypatch):
    """Everything but streams and recording: an action is warmed up, and replayed by calling it."""

    def record(action, stream):
        for _ in range(3):
            action()
        return action

    monkeypatch.setattr(cuda, "record", record)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: SimpleNamespace(wait_stream=lambda other: None))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())


def test_groups_of_models_have_the_bits_of_each_alone(graphs_on_the_cpu):
    seeds = [4, 8, 15, 16, 23]
    data = TrainingSet.of(*faces(), architecture=TINY, recipe=RECIPE, device=torch.device("cpu"))
    starts = [draw(seed, architecture=TINY, recipe=RECIPE, n_images=40) for seed in seeds]
    for start in starts:
        trim(start.net, TINY, (32, 32))
    with one_thread():
        groups = list(cuda.fit_groups(iter(starts), data, RECIPE, at_once=2))
    assert [len(group) for group in groups] == [2, 2, 1]
    found = [state for group in groups for state in group]
    assert all(map(equal, found, train_all(seeds, "cpu")))


def test_settings_of_float32_are_put_back():
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with cuda.deterministic_float32():
            assert not torch.backends.cudnn.allow_tf32
            assert torch.backends.cudnn.deterministic
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "high"
        assert torch.backends.cudnn.allow_tf32 == before[0]
    finally:
        torch.set_float32_matmul_precision(before[1])


def test_gpu_without_reproducible_matrix_products_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with pytest.raises(RuntimeError, match="CUBLAS_WORKSPACE_CONFIG=:4096:8"), cuda.deterministic_float32():
        pass


@needs_gpu
def test_bits_on_a_gpu_depend_on_the_seed_alone():
    together = train_all(range(10), "cuda")
    (alone,) = train_all([9], "cuda")
    assert equal(together[9], alone)
    assert not equal(together[8], alone)


@needs_gpu
def test_gpu_trains_what_the_cpu_does():
    (found,), (expected,) = train_all([1], "cuda"), train_all([1], "cpu")
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-2, atol=1e-3)
