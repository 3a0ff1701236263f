"""A worker host in the database: what it says of itself as its sandbox comes and goes."""

import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from core import db, nodes
from core.errors import SandboxUnavailableError
from core.lifecycle import NodeState
from core.models import Node, utc_now
from core.settings import get_settings
from tests.support.competition import make_phase, make_submission
from tests.support.nvidia import UUIDS, Nvidia
from tests.support.sandboxes import make_sandbox
from worker import gpus, node, tasks
from worker.sandboxes import Proven, UnprovenError
from worker.sandboxes.docker import DockerSandbox
from worker.sandboxes.findings import Finding
from worker.sandboxes.selftest import Result, SandboxLeaksError, SelfTest

HOLDS = SelfTest("bubblewrap", None, 1.0, (Result("user", "to be root", ()),))
LEAKS = SelfTest("docker", "sha256:ab", 1.0, (Result("user", "to be root", ("it runs as root",)),))


@pytest.fixture(autouse=True)
def _quiet(installation: Path) -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
def database_url() -> str:
    return ""


def stored() -> Node:
    with db.reading() as session:
        found = nodes.find(session, "local")
        assert found is not None
        session.expunge(found)
    return found


def begin() -> None:
    with db.transaction() as session:
        nodes.begin(session, "local", slots=2)


def test_host_says_why_it_takes_no_work_and_tries_until_a_sandbox_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def choose(*_: object, **__: object) -> Proven:
        seen.append((stored().state, stored().problem))
        if len(seen) == 1:
            raise UnprovenError("no engine; pip install", None)
        if len(seen) == 2:
            raise UnprovenError(str(SandboxLeaksError(LEAKS)), LEAKS)
        return Proven(make_sandbox("bubblewrap"), HOLDS)

    monkeypatch.setattr(node, "choose", choose)
    monkeypatch.setattr(node.time, "sleep", lambda _: None)
    assert node.wait_for_sandbox().name == "bubblewrap"
    assert seen == [
        (NodeState.PROVING, ""),
        (NodeState.REFUSING, "no engine; pip install"),
        (NodeState.REFUSING, "the docker sandbox does not hold: user: it runs as root"),
    ]
    ready = stored()
    assert (ready.state, ready.problem, ready.sandbox, ready.image) == (
        NodeState.READY,
        "",
        "bubblewrap",
        None,
    )


@pytest.fixture
def gpu_worker(nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch) -> Nvidia:
    """A host with two GPUs, and a sandbox that holds and finds them."""
    monkeypatch.setenv("LETHE_SANDBOX_GPUS", "0,1")
    get_settings.cache_clear()
    sandbox = DockerSandbox("image", owner="nobody")
    monkeypatch.setattr(node, "choose", lambda *_, **__: Proven(sandbox, HOLDS))
    monkeypatch.setattr(node, "remove_orphans", lambda _: None)
    monkeypatch.setattr(gpus, "_PATIENCE_S", 0.1)
    return nvidia_smi


def test_host_with_gpus_takes_work_once_each_is_free_and_found_in_the_sandbox(
    gpu_worker: Nvidia, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[str] = []
    remedies = [gpu_worker.let_go, lambda: works.append(True)]
    given: list[tuple[str, ...]] = []
    works: list[bool] = []

    def mend(_: float) -> None:
        problem = stored().problem
        if not problems or problems[-1] != problem:
            problems.append(problem)
            remedies.pop(0)()

    asked: list[str] = []
    monkeypatch.setattr(gpus, "find_with_torch", lambda gpu: asked.append(gpu.uuid))

    def find_gpu(sandbox: DockerSandbox) -> None:
        given.append(sandbox._spec.gpus)
        if not works:
            raise SandboxUnavailableError("the docker sandbox finds no GPU")

    monkeypatch.setattr(node, "find_gpu", find_gpu)
    monkeypatch.setattr(node, "_rest", lambda: mend(0))
    gpu_worker.hold(1, 300)
    node.wait_for_sandbox()
    assert "GPU 1 (NVIDIA H100" in problems[0]
    assert problems[1:] == ["the docker sandbox finds no GPU"]
    assert given == [(UUIDS[0],), (UUIDS[0],), (UUIDS[1],)]
    assert asked == [UUIDS[0], *UUIDS]
    ready = stored()
    assert (ready.state, ready.slots, ready.gpus) == (NodeState.READY, 2, ["0", "1"])


def test_host_with_gpus_refuses_a_sandbox_that_has_none(
    nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_SANDBOX_GPUS", "0")
    monkeypatch.setenv("LETHE_SANDBOX", "bubblewrap")
    get_settings.cache_clear()
    with pytest.raises(UnprovenError, match="set LETHE_SANDBOX=docker"):
        node.find_proven_sandbox()


def test_sandbox_that_leaks_is_named_with_its_image() -> None:
    begin()
    finding = Finding(
        "runc", holds=False, detail="runc 1.1.5 has a known escape", severity="development_only"
    )
    node.refuse(UnprovenError("it leaks", replace(LEAKS, findings=(finding,))))
    refusing = stored()
    assert (refusing.state, refusing.sandbox, refusing.image) == (NodeState.REFUSING, "docker", "sha256:ab")
    assert (refusing.mode, refusing.findings) == ("development", [finding._asdict()])


def test_beat_keeps_a_host_from_being_lost() -> None:
    begin()
    with db.transaction() as session:
        session.execute(update(Node).values(seen_at=utc_now() - timedelta(seconds=61)))
    assert nodes.is_lost(stored())
    assert node.beat() is NodeState.PROVING
    assert not nodes.is_lost(stored())


def test_beat_without_the_database_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    lost = db.make_engine("sqlite:////nowhere/lethe.db")
    with monkeypatch.context() as patch:
        patch.setattr(db, "engine", lambda: lost)
        assert node.beat() is None


def test_shard_that_finds_no_sandbox_makes_its_host_refuse(
    sent: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_engine(*_: object) -> None:
        raise SandboxUnavailableError("Docker does not answer")

    monkeypatch.setitem(tasks._DO, tasks.Work.RUNS, no_engine)
    begin()
    with db.transaction() as session:
        nodes.make_ready(session, "local", nodes.Proof("docker", "sha256:ab"))
    make_submission(make_phase())
    message = sent[-1]
    tasks.work_on_shard(str(message.shard_id))  # type: ignore[attr-defined]
    refusing = stored()
    assert (refusing.state, refusing.problem) == (NodeState.REFUSING, "Docker does not answer")
    assert (refusing.sandbox, refusing.image) == ("docker", "sha256:ab")


def test_worker_ends_itself_once_its_host_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    sent_signals = []
    timer = SimpleNamespace(call_repeatedly=lambda seconds, call: beats.append((seconds, call)))
    beats: list[tuple[float, object]] = []
    monkeypatch.setattr(node.os, "kill", lambda pid, number: sent_signals.append((pid, number)))
    begin()
    node.beat_regularly(SimpleNamespace(timer=timer))
    ((seconds, call),) = beats
    assert seconds == nodes.BEAT_S
    call()  # type: ignore[operator]
    assert sent_signals == []
    node.refuse(SandboxUnavailableError("gone"))
    call()  # type: ignore[operator]
    assert sent_signals == [(node.os.getpid(), signal.SIGQUIT)]
