"""One shard, one whole GPU: who gets which, and when none is given; nvidia-smi is a stand-in."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import GpuUnavailableError
from core.settings import get_settings
from tests.support.nvidia import UUIDS, Nvidia
from worker import gpus


@pytest.fixture(autouse=True)
def _gpu_host(home: Path, nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(gpus, "_POLL_S", 0.05)
    _give(monkeypatch, "0,1")


def _give(monkeypatch: pytest.MonkeyPatch, ids: str) -> None:
    monkeypatch.setenv("LETHE_SANDBOX_GPUS", ids)
    get_settings.cache_clear()


def _baseline_file(gpu: int) -> Path:
    return get_settings().home / "gpus" / UUIDS[gpu]


@contextmanager
def _another_process(*, pass_fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"], pass_fds=pass_fds) as process:
        yield process
        process.kill()


def test_gpus_are_found_by_number_and_by_uuid() -> None:
    assert [gpu.number for gpu in gpus.find(["1", UUIDS[0]])] == ["1", "0"]
    assert gpus.find([]) == []


def test_unknown_gpu_is_refused_with_those_that_are_there() -> None:
    with pytest.raises(GpuUnavailableError, match=rf"no GPU 7 here, but 0 \(.*{UUIDS[0]}\); 1 \("):
        gpus.find(["7"])


@pytest.mark.parametrize("ids", [["0", "0"], ["0", UUIDS[0]]])
def test_gpu_named_twice_is_refused(ids: list[str]) -> None:
    with pytest.raises(GpuUnavailableError, match=r"names GPU 0 .* twice"):
        gpus.find(ids)


def test_worker_whose_torch_finds_no_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    (gpu,) = gpus.find(["1"])
    with pytest.raises(GpuUnavailableError, match=rf"torch in this worker does not find GPU 1 .*{UUIDS[1]}"):
        gpus.find_with_torch(gpu)
    finds_it = f"import os; raise SystemExit(os.environ['CUDA_VISIBLE_DEVICES'] != '{gpu.uuid}')"
    monkeypatch.setattr(gpus, "_ASK_TORCH", finds_it)
    gpus.find_with_torch(gpu)


def test_each_shard_has_a_gpu_for_itself_and_a_third_has_none() -> None:
    with gpus.lend() as first, gpus.lend() as second:
        assert (first.gpu.uuid, second.gpu.uuid) == UUIDS
        assert first.environment() == {"CUDA_VISIBLE_DEVICES": UUIDS[0], "LETHE_SANDBOX_GPUS": UUIDS[0]}
        with pytest.raises(GpuUnavailableError, match="another process holds the lock"), gpus.lend():
            pass
    with gpus.lend() as again:
        assert again.gpu.uuid == UUIDS[0]


def test_gpu_of_a_killed_worker_is_free_at_once() -> None:
    code = "from worker import gpus\nwith gpus.lend():\n print(flush=True)\n input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with gpus.lend() as meanwhile:
            assert meanwhile.gpu.uuid == UUIDS[1]
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with gpus.lend() as after:
            assert after.gpu.uuid == UUIDS[0]


def test_gpu_stays_lent_while_a_process_that_inherited_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    _give(monkeypatch, "0")
    with _another_process() as unrelated, gpus.lend() as loan:
        heir = subprocess.Popen(["sleep", "60"], pass_fds=(loan.lock.fileno(),))
    with heir:
        assert unrelated.returncode is not None
        with pytest.raises(GpuUnavailableError, match="another process holds"), gpus.lend():
            pass
        heir.kill()
    with gpus.lend():
        pass


def test_memory_that_comes_back_in_time_is_waited_for(
    nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus.prove()
    nvidia_smi.hold(0, 5000)
    monkeypatch.setattr(gpus, "_PATIENCE_S", 30.0)
    monkeypatch.setattr(gpus.time, "sleep", lambda _: nvidia_smi.let_go())
    with gpus.lend() as loan:
        assert loan.gpu.uuid == UUIDS[0]


def test_memory_within_the_tolerance_is_free(nvidia_smi: Nvidia) -> None:
    gpus.prove()
    nvidia_smi.set_used(4 + 64, 4)
    gpus.prove()
    nvidia_smi.set_used(4 + 65, 4)
    with pytest.raises(GpuUnavailableError, match="65 MiB more"):
        gpus.prove()


def test_leak_is_told_with_gpu_memory_and_who_holds_it(nvidia_smi: Nvidia) -> None:
    gpus.prove()
    message = (
        rf"GPU 0 \(NVIDIA H100.*\) has 5004 MiB in use, 5000 MiB more.*python3 \(process {os.getpid()}, 5000"
    )
    with pytest.raises(GpuUnavailableError, match=message), gpus.lend():
        nvidia_smi.hold(0, 5000)


def test_leak_that_no_process_owns_is_told_too(nvidia_smi: Nvidia) -> None:
    gpus.prove()
    nvidia_smi.set_used(700, 4)
    with pytest.raises(GpuUnavailableError, match="no process that nvidia-smi can see"):
        gpus.prove()


def test_leak_does_not_become_the_baseline_of_the_next_start(nvidia_smi: Nvidia) -> None:
    gpus.prove()
    nvidia_smi.hold(1, 5000)
    for _ in range(2):
        with pytest.raises(GpuUnavailableError, match=rf"remove {_baseline_file(1)}"):
            gpus.prove()
    nvidia_smi.let_go()
    gpus.prove()


def test_baseline_sinks_with_the_memory_and_never_rises(nvidia_smi: Nvidia) -> None:
    nvidia_smi.set_used(600, 4)
    gpus.prove()
    assert _baseline_file(0).read_text() == "600"
    nvidia_smi.set_used(4, 4)
    gpus.prove()
    nvidia_smi.set_used(50, 4)
    gpus.prove()
    assert _baseline_file(0).read_text() == "4"


def test_gpu_that_others_use_is_no_baseline(nvidia_smi: Nvidia) -> None:
    nvidia_smi.hold(0, 300)
    with pytest.raises(GpuUnavailableError, match=r"GPU 0 .* is used by python3"):
        gpus.prove()
    assert _baseline_file(0).read_text() == ""


def test_gpu_that_falls_off_the_bus_is_told(nvidia_smi: Nvidia) -> None:
    message = rf"no GPU {UUIDS[1]} here, but 0"
    with pytest.raises(GpuUnavailableError, match=message), gpus.lend(), gpus.lend():
        nvidia_smi.set_used(4)
