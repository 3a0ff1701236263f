"""Training on a GPU: several models at once, each of whose steps is one recorded graph of kernels.

A step of this small network is hundreds of kernels of a few microseconds, less than Python takes to launch
one. So the step is recorded once (torch's CUDA graphs) and replayed with other images, whose indices are
written to where the graph reads them. Each model has a stream of its own, on which its graphs run in their
order and beside those of the others. A graph holds the same kernels whoever runs beside it, so the bits of a
model do not depend on its neighbours.
"""

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch

from training.fitting import Fit, Start, Step, TrainingSet, steps
from training.recipe import Recipe

# Read when a process first multiplies on a GPU; without it two streams may share what a product sums in.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

MODELS_AT_ONCE = 8

_WARM_UP_STEPS = 3  # torch's documentation asks for some before a capture: libraries allocate in the first


def fit_groups(
    starts: Iterable[Start], data: TrainingSet, recipe: Recipe, *, at_once: int = MODELS_AT_ONCE
) -> Iterator[list[dict[str, torch.Tensor]]]:
    """Train models in groups, in their order.

    Args:
        starts: where each model begins.
        data: the training set, on the GPU.
        recipe: optimiser, schedule and batches.
        at_once: models in a group; the last may have fewer.

    Yields:
        The state_dicts of a group, on the CPU.
    """
    waiting = iter(starts)
    lanes: list[Lane] = []
    while group := list(islice(waiting, at_once)):
        with deterministic_float32():
            lanes += [Lane(start, data, recipe) for start in group[len(lanes) :]]
            states = _fit_group(list(zip(lanes, group, strict=False)), recipe, len(data.images))
        yield states


def _fit_group(
    group: list[tuple["Lane", Start]], recipe: Recipe, n_images: int
) -> list[dict[str, torch.Tensor]]:
    for lane, start in group:
        lane.restart(start)
    for step in steps(recipe, n_images):
        for lane, _ in group:
            lane.step(step)
    return [lane.state() for lane, _ in group]


class Lane:
    """A place for one model at a time: its tensors stay where the graphs that were recorded find them."""

    def __init__(self, start: Start, data: TrainingSet, recipe: Recipe) -> None:
        device = data.images.device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._stream.wait_stream(torch.cuda.current_stream(device))  # for the training set
        self._rate = float("nan")
        with torch.cuda.stream(self._stream):
            self._orders = start.orders.to(device)
            # A copy: recording trains it.
            self._fit = Fit(copy.deepcopy(start.net), data, recipe)
            sizes = {step.size for step in steps(recipe, len(data.images))}
            self._rows = {size: self._orders[0, :size].clone() for size in sizes}
        self._replays = {size: self._record(rows) for size, rows in self._rows.items()}

    def restart(self, start: Start) -> None:
        """Begin another model."""
        with torch.cuda.stream(self._stream):
            self._orders.copy_(start.orders)
            self._fit.restart(start.net)

    def step(self, step: Step) -> None:
        """Queue one step; returns before it is made."""
        size = step.size
        with torch.cuda.stream(self._stream):
            if step.rate != self._rate:
                self._fit.set_rate(step.rate)
                self._rate = step.rate
            self._rows[size].copy_(step.rows(self._orders))
            self._replays[size]()

    def state(self) -> dict[str, torch.Tensor]:
        """Wait for the steps, and return the model's state_dict, on the CPU."""
        with torch.cuda.stream(self._stream):
            return self._fit.state()

    def _record(self, rows: torch.Tensor) -> Callable[[], None]:
        return record(lambda: self._fit.step(rows), self._stream)


def record(action: Callable[[], None], stream: torch.cuda.Stream) -> Callable[[], None]:
    """Record the kernels of an action on a stream, and return what replays them there.

    Args:
        action: reads and writes tensors that outlive the recording, and waits for nothing.
        stream: warms up and records on it, as AccumulateGrad insists on one stream.
    """
    with torch.cuda.stream(stream):
        for _ in range(_WARM_UP_STEPS):
            action()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):  # waits for the GPU first
        action()
    return graph.replay


@contextmanager
def deterministic_float32() -> Iterator[None]:
    """Compute whole float32 products, and choose kernels by shape alone, inside the block.

    Raises:
        RuntimeError: CUBLAS_WORKSPACE_CONFIG is set to what makes matrix products irreproducible.
    """
    if torch.cuda.is_available() and os.environ.get("CUBLAS_WORKSPACE_CONFIG") not in (":4096:8", ":16:8"):
        raise RuntimeError("start the process with CUBLAS_WORKSPACE_CONFIG=:4096:8, or without it")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.set_float32_matmul_precision(before)
