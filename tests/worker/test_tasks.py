"""Which worker takes a shard, and how one with GPUs works on it: nothing of it is left on the GPU."""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from core import db, nodes, queue
from core.errors import SandboxUnavailableError
from core.lifecycle import NodeState
from core.models import Node, Shard
from core.settings import get_settings
from tests.support.competition import make_phase, make_submission
from tests.support.nvidia import UUIDS, Nvidia
from worker import gpus, tasks

_PROGRAM = Path(__file__).parents[1] / "support" / "gpu_shard.py"


@pytest.fixture(autouse=True)
def logged(home: Path) -> Iterator[list[EventDict]]:
    with db.transaction() as session:
        nodes.begin(session, "local", slots=1)
        nodes.make_ready(session, "local", nodes.Proof("docker"))
    with capture_logs() as events:
        yield events


@pytest.fixture
def gpu_worker(nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch) -> Nvidia:
    """This process as the worker of a host with a GPU, which was proved."""
    monkeypatch.setenv("LETHE_SANDBOX_GPUS", "0")
    monkeypatch.setenv("PYTHONPATH", str(_PROGRAM.parents[2]))
    monkeypatch.setattr(tasks, "_SHARD_PROCESS", [sys.executable, str(_PROGRAM), str(nvidia_smi.folder)])
    get_settings.cache_clear()
    gpus.prove()
    monkeypatch.setattr(gpus, "_PATIENCE_S", 0.5)
    return nvidia_smi


def _shard(sent: list[queue.Message]) -> UUID:
    make_submission(make_phase(limits={"device": "cuda"}))
    return sent[-1].shard_id


def _stored(shard_id: UUID) -> Shard:
    with db.reading() as session:
        return session.get_one(Shard, shard_id)


def _node() -> Node:
    with db.reading() as session:
        found = nodes.find(session, "local")
    assert found is not None
    return found


def test_shard_on_a_gpu_has_a_process_and_a_gpu_for_itself_and_both_end(
    gpu_worker: Nvidia, sent: list[queue.Message]
) -> None:
    shard_id = _shard(sent)
    tasks.work_on_shard(str(shard_id))
    assert _stored(shard_id).done
    seen = json.loads((gpu_worker.folder / "seen.json").read_text())
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["LETHE_SANDBOX_GPUS"]) == (UUIDS[0], UUIDS[0])
    assert f"gpus/{UUIDS[0]}" in seen["files"]
    assert seen["pid"] != str(os.getpid())
    assert not Path("/proc", seen["pid"]).exists()
    assert _node().state is NodeState.READY


def test_worker_whose_gpu_keeps_memory_takes_no_more_work(
    gpu_worker: Nvidia, sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = f"echo 700 > {gpu_worker.folder}/held/$CUDA_VISIBLE_DEVICES,1"
    monkeypatch.setattr(tasks, "_SHARD_PROCESS", ["sh", "-c", leak])
    tasks.work_on_shard(str(_shard(sent)))
    refusing = _node()
    assert refusing.state is NodeState.REFUSING
    assert "GPU 0 (NVIDIA H100 80GB HBM3" in refusing.problem
    assert "704 MiB in use, 700 MiB more than when idle" in refusing.problem
    assert "python3 (process 1, 700 MiB)" in refusing.problem


def test_shard_is_not_tried_on_a_gpu_that_is_not_free(gpu_worker: Nvidia, sent: list[queue.Message]) -> None:
    shard_id = _shard(sent)
    gpu_worker.hold(0, 700)
    tasks.work_on_shard(str(shard_id))
    shard = _stored(shard_id)
    assert (shard.done, shard.failures, shard.lease_holder) == (False, 0, None)
    assert _node().state is NodeState.REFUSING


def test_shard_process_that_dies_is_logged_and_its_gpu_is_lent_again(
    gpu_worker: Nvidia, logged: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_SHARD_PROCESS", ["sh", "-c", "kill -9 $$"])
    tasks.work_on_shard("any")
    (died,) = (event for event in logged if event["event"] == "shard_process_died")
    assert died["status"] == -9
    assert _node().state is NodeState.READY
    with gpus.lend() as loan:
        assert loan.gpu.uuid == UUIDS[0]


def test_shard_process_and_the_hold_on_its_gpu_end_with_a_killed_worker(
    gpu_worker: Nvidia, sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_id = _shard(sent)
    (gpu_worker.folder / "hang").touch()
    db.engine().dispose()
    pool_process = multiprocessing.get_context("fork").Process(
        target=tasks.work_on_shard, args=[str(shard_id)]
    )
    pool_process.start()
    seen = gpu_worker.folder / "seen.json"
    while not seen.exists():
        time.sleep(0.05)
    pool_process.kill()
    pool_process.join()
    monkeypatch.setattr(gpus, "_PATIENCE_S", 10.0)
    with gpus.lend():
        stat = Path("/proc", json.loads(seen.read_text())["pid"], "stat")
        assert not stat.exists() or ") Z " in stat.read_text()


def test_worker_without_gpus_leaves_a_shard_that_needs_one_and_goes_on(
    sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise SandboxUnavailableError("it was tried all the same")

    monkeypatch.setitem(tasks._DO, tasks.Work.RUNS, fail)
    shard_id = _shard(sent)
    tasks.work_on_shard(str(shard_id))
    assert (_stored(shard_id).failures, _stored(shard_id).lease_holder) == (0, None)
    assert _node().state is NodeState.READY
