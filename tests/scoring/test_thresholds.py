"""The threshold grids against the libraries they must copy: torch's linspace, bit for bit."""

import numpy as np
import pytest
import torch

from scoring.thresholds import double_thresholds, linspace_float32, single_thresholds

needs_fused_torch = pytest.mark.skipif(
    "AVX" not in torch.backends.cpu.get_cpu_capability(),
    reason="torch rounds linspace twice here: needs a CPU with AVX2, and ATEN_CPU_CAPABILITY unset",
)


def torch_linspace(start, stop, n):
    tensors = torch.tensor([start, stop], dtype=torch.float64)
    return torch.linspace(tensors[0], tensors[1], n, dtype=torch.float32).numpy()


@needs_fused_torch
@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 30.0, 100.0])
def test_linspace_on_the_metrics_grid_equals_torch(size):
    generator = np.random.default_rng(11)
    for _ in range(800):
        start = generator.normal() * size
        span = 10 ** generator.uniform(-4, 2)
        n = int(np.ceil(span * 100))
        expected = torch_linspace(start, start + span, n)
        np.testing.assert_array_equal(linspace_float32(start, start + span, n), expected)


@needs_fused_torch
def test_linspace_of_any_length_equals_torch():
    generator = np.random.default_rng(12)
    for n in [*range(66), *generator.integers(66, 40_000, 60)]:
        start, stop = np.sort(generator.normal(scale=20, size=2))
        np.testing.assert_array_equal(linspace_float32(start, stop, n), torch_linspace(start, stop, int(n)))


def test_single_thresholds_are_a_hundred_per_unit_from_lowest_to_highest():
    thresholds = single_thresholds(-1.25, 2.5)
    assert thresholds.dtype == np.float64
    assert thresholds.shape == (375,)
    assert (thresholds[0], thresholds[-1]) == (-1.25, 2.5)
    assert single_thresholds(3.0, 3.0).size == 0


def test_double_thresholds_equal_one_linspace_per_right_end():
    generator = np.random.default_rng(13)
    sizes = set()
    for _ in range(60):
        low, high = np.sort(generator.normal(scale=3, size=2))
        width = high - low
        first, last = low + width - 2.0, high + 2.0
        windows = double_thresholds(low, high)
        right = np.linspace(first, last, int(np.ceil((last - first) * 100)))
        np.testing.assert_array_equal(windows.right, right)
        for i, r in enumerate(right):
            np.testing.assert_array_equal(windows.left[:, i], np.linspace(r - width - 2, r - width + 2, 400))
        sizes.add(right.size)
    assert sizes == {400, 401}
