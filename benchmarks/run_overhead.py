"""What the platform adds to a run of the full ResNet-18, against a bare loop in one process.

Ours is all but the participant's function and the evaluation: the request to the zygote, the fork, the
fresh import, the way of the weights to the worker, their validation, their way to the evaluator's pipe,
storing a result and recording the run. The baseline copies the network, calls the same function and takes
the weights, in this process.
"""

import copy
import importlib.util
import itertools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import torch
from safetensors.torch import save

import migrations
from benchmarks.figure import Figure, measure
from core import competitions, db, submissions, users
from core.competitions import CompetitionSpec, PhaseSpec
from core.lifecycle import PhaseState, Verdict
from core.models import Submission
from core.settings import get_settings
from core.storage import storage
from core.submissions import RunResult, Upload
from faces.bundle import pack
from faces.synthetic import SyntheticFaces, render
from submissions_sandbox.architectures import Architecture, build
from submissions_sandbox.loaders import loaders_from_bytes
from worker.runner import SubmissionInput, SubmissionRunner
from worker.sandboxes import Limits, choose

_FACES = SyntheticFaces(
    n_people=100, images_per_person=3, n_forget_people=10, n_val_people=4, n_test_people=4
)
_EVALUATION_BYTES = b"\0" * 4096

_DO_NOTHING = "def unlearning(net, retain, forget, val):\n    return net\n"
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
        for name, source, n in (("do_nothing", _DO_NOTHING, 25), ("one_epoch", _ONE_EPOCH, 9)):
            yield _figure(f"run_overhead_{name}", source, n)


def _figure(name: str, source: str, n: int) -> Figure:
    architecture = Architecture()
    participant_data = pack(render(_FACES)).participant
    net = build(architecture).eval()
    given = SubmissionInput(architecture, save(net.state_dict()), participant_data, source.encode())
    submission = _submission(name, source, n_models=n + 1)
    limits = Limits()
    settings = get_settings()
    sandbox = choose(settings.sandbox, image=settings.sandbox_image, owner="benchmark")
    run_indices = itertools.count()
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as evaluator,
        closing(sandbox.open(limits)) as channel,
    ):
        assert evaluator.stdin is not None
        pipe = evaluator.stdin
        runner = SubmissionRunner(channel, given, limits)
        runner.start()

        def ours() -> None:
            run_index = next(run_indices)
            outcome = runner.run(run_index)
            assert outcome.weights is not None, outcome.message
            pipe.write(outcome.weights)
            sha256 = storage().put(_EVALUATION_BYTES)
            result = RunResult(Verdict.OK, outcome.seconds, evaluation_sha256=sha256)
            with db.transaction() as session:
                submissions.record_run(session, submission.id, run_index, result)

        module = _import(source)
        loaders = loaders_from_bytes(participant_data)

        def baseline() -> None:
            copied = copy.deepcopy(net)
            returned = module.unlearning(copied, loaders.retain, loaders.forget, loaders.val)
            {name: tensor.clone() for name, tensor in returned.state_dict().items()}

        return measure(name, ours=ours, baseline=baseline, n=n)


def _submission(slug: str, source: str, *, n_models: int) -> Submission:
    phase = PhaseSpec(slug="check", name="Check", n_models=n_models, dataset={})
    spec = CompetitionSpec(version=2, slug=slug.replace("_", "-"), title=slug, phases=[phase])
    with db.transaction() as session:
        stored = competitions.create(session, spec).phases[0]
        stored.state = PhaseState.READY
        user = users.create_user(session, "benchmark").user
        submission = submissions.accept(
            session, stored, user, Upload("submission.py", source.encode())
        ).submission
    with db.transaction() as session:
        submissions.begin(session, submission.id)
    return submission


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
