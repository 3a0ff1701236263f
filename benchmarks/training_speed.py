"""Speed of training references, of evaluating checkpoints and of the loaders, at the real size.

`python -m benchmarks.training_speed` prints the figures of one core, and of two processes on two cores;
`--device cuda` a table for a GPU instead.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks import straightforward
from benchmarks.figure import Figure, measure
from benchmarks.straightforward import Samples
from faces.bundle import Bundle, Split
from submissions_sandbox.architectures import Architecture, build
from submissions_sandbox.loaders import FaceDataset
from training import cuda
from training.evaluation import Evaluator
from training.fitting import Start, TrainingSet, draw
from training.recipe import Recipe
from training.train import train_many
from training.trimmed import trim

_ARCHITECTURE = Architecture()
_ONE_EPOCH = Recipe(epochs=1)
_N_TRAIN, _N_EVALUATE, _N_LOAD = 960, 1280, 4096

# The challenge's size, for the table of a GPU.
_REFERENCES, _N_REFERENCE_IMAGES = 512, 25_000


def figures() -> Iterator[Figure]:
    """Measure on one thread a process; the ratio of two processes is of their time for each model."""
    torch.set_num_threads(1)
    for measured_by in (_training, _evaluation, _training_batches, _loader, _two_processes):
        measured = measured_by()
        yield measured
        print(f"# {measured.name}: {1 / measured.ratio:.2f} times as fast")


def _faces(n: int, *, first_id: int = 0) -> Split:
    generator = np.random.default_rng(0)
    age = generator.integers(0, 100, n)
    return Split(
        images=generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8),
        age=age,
        age_group=age // 10,
        person_id=np.arange(first_id, first_id + n),
        image_id=np.arange(first_id, first_id + n),
    )


def _training() -> Figure:
    samples = Samples(_faces(_N_TRAIN))
    return measure(
        "training_one_model",
        ours=lambda: _train_one(_N_TRAIN),
        baseline=lambda: straightforward.train(samples, _ONE_EPOCH, seed=0),
        n=3,
        repeats=_N_TRAIN,
    )


def _evaluation() -> Figure:
    state = build(_ARCHITECTURE).state_dict()
    split = _faces(_N_EVALUATE)
    forget, val, test = (_faces(1, first_id=_N_EVALUATE + i) for i in range(3))
    bundle = Bundle(
        retain=split, forget=forget, val=val, test=test, manifest={"licence": "CC0-1.0", "provenance": {}}
    )
    evaluator = Evaluator(bundle, _ARCHITECTURE)
    samples = Samples(split)
    return measure(
        "evaluation_of_a_checkpoint",
        ours=lambda: evaluator.evaluate(state),
        baseline=lambda: straightforward.accuracy(state, samples),
        n=7,
        repeats=_N_EVALUATE,
    )


def _training_batches() -> Figure:
    split = _faces(_N_LOAD)
    data = TrainingSet.of(
        split.images,
        split.age_group,
        architecture=_ARCHITECTURE,
        recipe=_ONE_EPOCH,
        device=torch.device("cpu"),
    )
    baseline = DataLoader(Samples(split), batch_size=64, shuffle=True)
    return measure(
        "training_batches",
        ours=lambda: sum(len(data.batch(rows).images) for rows in torch.split(torch.randperm(_N_LOAD), 64)),
        baseline=lambda: sum(len(batch["image"]) for batch in baseline),
        n=9,
        repeats=_N_LOAD,
    )


def _loader() -> Figure:
    split = _faces(_N_LOAD)
    labels = {
        name: torch.from_numpy(getattr(split, name)) for name in ("age_group", "age", "person_id", "image_id")
    }
    ours = DataLoader(FaceDataset(torch.from_numpy(split.images), **labels), batch_size=64, shuffle=True)
    baseline = DataLoader(Samples(split), batch_size=64, shuffle=True)
    return measure(
        "loader",
        ours=lambda: sum(len(batch.image) for batch in ours),
        baseline=lambda: sum(len(batch["image"]) for batch in baseline),
        n=9,
        repeats=_N_LOAD,
    )


def _two_processes() -> Figure:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, initializer=torch.set_num_threads, initargs=(1,)) as processes:
        return measure(
            "training_two_processes",
            ours=lambda: list(processes.map(_train_one, (_N_TRAIN, _N_TRAIN))),
            baseline=lambda: processes.submit(_train_one, _N_TRAIN).result(),
            n=3,
            repeats=2 * _N_TRAIN,
            baseline_repeats=_N_TRAIN,
        )


def _train_one(n_images: int) -> None:
    split = _faces(n_images)
    for _ in train_many(
        split.images, split.age_group, architecture=_ARCHITECTURE, recipe=_ONE_EPOCH, seeds=[0]
    ):
        pass


def _print_gpu_table() -> None:
    """Print seconds for each step and model; recording the graphs is not in it, as it is done once."""
    split = _faces(6400)
    samples = Samples(split)
    straightforward.train(Samples(_faces(640)), _ONE_EPOCH, seed=0, device="cuda")
    baseline = _seconds(lambda: straightforward.train(samples, _ONE_EPOCH, seed=0, device="cuda")) / 100
    n_steps = Recipe().epochs * -(-_N_REFERENCE_IMAGES // Recipe().batch_size)
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {datetime.now(UTC):%Y-%m-%d}\n")
    print("| | models at once | ms a step | s a model | min for 512 references | times as fast |")
    print("|---|---|---|---|---|---|")
    rows = [("straightforward", 1, baseline)]
    rows += [("train_many", at_once, _seconds_a_step(split, at_once)) for at_once in (1, 2, 4, 8, 16, 32)]
    for name, at_once, seconds in rows:
        model = seconds * n_steps
        minutes = model * _REFERENCES / 60
        print(f"| {name} | {at_once} | {seconds * 1e3:.3f} | {model:.1f} | {minutes:.0f} ", end="")
        print(f"| {baseline / seconds:.1f} |", flush=True)


def _seconds_a_step(split: Split, at_once: int) -> float:
    recipe = Recipe(epochs=4)
    place = torch.device("cuda")
    data = TrainingSet.of(
        split.images, split.age_group, architecture=_ARCHITECTURE, recipe=recipe, device=place
    )

    def start(seed: int) -> Start:
        drawn = draw(seed, architecture=_ARCHITECTURE, recipe=recipe, n_images=len(split))
        trim(drawn.net, _ARCHITECTURE, data.size)
        return drawn

    starts = [start(seed) for seed in range(2 * at_once)]
    groups = cuda.fit_groups(starts, data, recipe, at_once=at_once)
    next(groups)
    return _seconds(lambda: next(groups)) / (400 * at_once)


def _seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    if parser.parse_args().device == "cuda":
        _print_gpu_table()
    else:
        for figure in figures():
            print(figure.to_json(), flush=True)
