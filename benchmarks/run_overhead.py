"""What the platform adds to a run of the full ResNet-18, against a bare loop in one process.

Ours is one run by the worker's own code, `submission_runs.run_all`, but that the evaluator only takes the
weights from its pipe: the request to the zygote, the fork, the fresh import, the function, the way of the
weights to the worker, their validation, storing a result and recording the run. The baseline copies the
network, calls the same function and takes the weights, in this process.
"""

import copy
import importlib.util
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import IO, cast

import torch
from safetensors.torch import load, save
from sqlalchemy import select

import migrations
from benchmarks.figure import Figure, measure
from core import accounts, competitions, db, submissions
from core.competitions import CompetitionSpec, PhaseSpec
from core.intake import Upload
from core.lifecycle import PhaseState, Verdict
from core.models import Shard
from core.programs import ENTRY_FILE, Program
from core.settings import get_settings
from faces.bundle import pack
from faces.synthetic import SyntheticFaces, render
from submissions_sandbox.architectures import Architecture, build
from submissions_sandbox.loaders import loaders_from_bytes
from worker.evaluator import EvaluatorProcess
from worker.isolation import FreshSandboxes, Runner, open_runner
from worker.lease import Lease
from worker.runner import SubmissionInput
from worker.sandboxes import Limits, Sandbox, choose
from worker.submission_runs import ShardRuns, run_all

_FACES = SyntheticFaces(
    n_people=100, images_per_person=3, n_forget_people=10, n_val_people=4, n_test_people=4
)
_ARCHITECTURE = Architecture()
_LIMITS = Limits()
_RUNS_A_CALL = 4  # a shard has many: recording one overlaps with the next
_EVALUATION_BYTES = b"\0" * 4096

_ISOLATION_RUNS = 2

_DO_NOTHING = "def unlearning(net, retain, forget, val):\n    return net\n"
_SAY_WHEN = """\
import time


def unlearning(net, retain, forget, val):
    print(time.monotonic())
"""
_ONE_EPOCH = """\
import torch


def unlearning(net, retain, forget, val):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-3)
    for inputs, targets in retain:
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(inputs), targets).backward()
        optimizer.step()
    return net
"""


def figures() -> Iterator[Figure]:
    """Measure both functions in the sandbox that this machine would choose."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as home:
        os.environ["LETHE_HOME"] = home
        get_settings.cache_clear()
        migrations.upgrade(db.engine())
        for name, source, n in (("do_nothing", _DO_NOTHING, 15), ("one_epoch", _ONE_EPOCH, 5)):
            yield _figure(f"run_overhead_{name}", source, n)
        yield _isolation_figure()
        yield _before_function_figure()


class _PipeOnly:
    """Takes weights through a pipe as the evaluator does, and measures nothing."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe

    def evaluate(self, weights: bytes) -> bytes:
        self._pipe.write(weights)
        return _EVALUATION_BYTES


def _figure(name: str, source: str, n: int) -> Figure:
    given = _given(source)
    net = build(_ARCHITECTURE).eval()
    net.load_state_dict(load(given.original))
    lease = _take_lease(name, source, n_models=_RUNS_A_CALL * (n + 2))  # more than are run: no scoring
    run_indices = itertools.count()
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as evaluator,
        open_runner(_sandbox(), given, _LIMITS) as runner,
    ):
        assert evaluator.stdin is not None
        pipe_only = cast("EvaluatorProcess", _PipeOnly(evaluator.stdin))
        assert lease.shard.submission_id is not None
        with db.reading() as session:
            submission = submissions.find(session, lease.shard.submission_id)
        runs = ShardRuns(lease, submission, runner, pipe_only)
        function = _import(source).unlearning
        loaders = loaders_from_bytes(given.participant_data)

        def ours() -> None:
            run_all(runs, list(itertools.islice(run_indices, _RUNS_A_CALL)))

        def baseline() -> None:
            for _ in range(_RUNS_A_CALL):
                returned = function(copy.deepcopy(net), loaders.retain, loaders.forget, loaders.val)
                {key: tensor.clone() for key, tensor in returned.state_dict().items()}

        return measure(name, ours=ours, baseline=baseline, n=n, repeats=_RUNS_A_CALL)


def _isolation_figure() -> Figure:
    """Measure runs in a sandbox each against runs that are forks in one sandbox."""
    sandbox, given = _sandbox(), _given(_DO_NOTHING)
    with open_runner(sandbox, given, _LIMITS) as forks:
        return measure(
            "run_isolation_container",
            ours=partial(_run_all_ok, FreshSandboxes(sandbox, given, _LIMITS)),
            baseline=partial(_run_all_ok, forks),
            n=5,
            repeats=_ISOLATION_RUNS,
        )


def _before_function_figure() -> Figure:
    """Measure a run from its request to the submission's function, all that forking ahead could hide."""
    before, whole = [], []
    with open_runner(_sandbox(), _given(_SAY_WHEN), _LIMITS) as runner:
        for seed in range(20):
            started = time.monotonic()
            outcome = runner.run(seed)
            assert outcome.verdict is Verdict.OK, outcome.message
            before.append(float(outcome.log) - started)
            whole.append(time.monotonic() - started)
    ratio = statistics.median(part / all_ for part, all_ in zip(before, whole, strict=True))
    return Figure(
        "run_before_function",
        ours=statistics.median(before),
        baseline=statistics.median(whole),
        ratio=ratio,
        unit="s",
        n=len(before),
    )


def _run_all_ok(runner: Runner) -> None:
    for finished in runner.run_each(range(_ISOLATION_RUNS)):
        assert finished.outcome.verdict is Verdict.OK, finished.outcome.message


def _given(source: str) -> SubmissionInput:
    torch.manual_seed(0)
    original = save(build(_ARCHITECTURE).state_dict())
    program = Program({ENTRY_FILE: source.encode()}).to_bytes()
    return SubmissionInput(_ARCHITECTURE, original, pack(render(_FACES)).participant, program)


def _sandbox() -> Sandbox:
    settings = get_settings()
    sandbox, _ = choose(settings.sandbox, image=settings.sandbox_image, owner="benchmark")
    return sandbox


def _take_lease(slug: str, source: str, *, n_models: int) -> Lease:
    """Return the lease on a queued submission that nobody prepared a phase for."""
    phase = PhaseSpec(slug="check", name="Check", n_models=n_models, runs_per_shard=n_models, dataset={})
    spec = CompetitionSpec(version=2, slug=slug.replace("_", "-"), title=slug, phases=[phase])
    with db.transaction() as session:
        stored = competitions.create(session, spec).phases[0]
        stored.state = PhaseState.READY
        user = accounts.create_user(session, "benchmark").user
        submission = submissions.accept(
            session, stored, user, Upload("submission.py", BytesIO(source.encode()))
        ).submission
    with db.transaction() as session:
        submissions.begin(session, submission.id)
        shard_id = session.scalars(select(Shard.id).where(Shard.submission_id == submission.id)).one()
    lease = Lease.take(shard_id)
    assert lease is not None
    return lease


def _import(source: str) -> ModuleType:
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(source)
        file.flush()
        spec = importlib.util.spec_from_file_location("submission", Path(file.name))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module
