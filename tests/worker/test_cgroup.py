"""The layout of both versions of the kernel's interface; test_sandboxes.py tests that the limits hold."""

import os
import subprocess
from pathlib import Path

import pytest

from worker.sandboxes import cgroup
from worker.sandboxes.cgroup import Cgroup


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in place of /sys/fs/cgroup."""
    monkeypatch.setattr(cgroup, "_ROOT", tmp_path / "kernel")
    monkeypatch.setattr(cgroup, "_OWN", tmp_path / "own")
    monkeypatch.setattr(cgroup, "_REMOVAL_S", 0.05)
    return tmp_path


def test_version_2_limits_beside_the_own_group(kernel: Path) -> None:
    (kernel / "own").write_text("0::/system.slice/lethe.service\n")
    parent = kernel / "kernel/system.slice"
    (parent / "lethe.service").mkdir(parents=True)
    made = Cgroup.create(memory_bytes=1000, processes=7, cpus=1.5)
    assert made is not None
    assert made.memory == made.pids
    assert made.memory.parent == parent
    assert made.mount_point == kernel / "kernel"
    assert (made.memory / "memory.max").read_text() == "1000"
    assert (made.memory / "pids.max").read_text() == "7"
    assert made.cpu == made.memory
    assert (made.memory / "cpu.max").read_text() == "150000 100000"
    made.add(42)
    assert (made.memory / "cgroup.procs").read_text() == "42"
    (made.memory / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert made.out_of_memory_kills() == 2


def test_version_1_limits_below_the_own_groups(kernel: Path) -> None:
    (kernel / "own").write_text("9:cpu,cpuacct:/\n8:pids:/\n4:memory:/worker\n0::/\n")
    for folder in ("memory/worker", "pids", "cpu"):
        (kernel / "kernel" / folder).mkdir(parents=True)
    made = Cgroup.create(memory_bytes=1000, processes=7, cpus=1.5)
    assert made is not None
    assert made.memory.parent == kernel / "kernel/memory/worker"
    assert made.pids.parent == kernel / "kernel/pids"
    assert (made.memory / "memory.limit_in_bytes").read_text() == "1000"
    assert (made.pids / "pids.max").read_text() == "7"
    assert made.cpu is not None
    assert made.cpu.parent == kernel / "kernel/cpu"
    assert (made.cpu / "cpu.cfs_quota_us").read_text() == "150000"
    assert (made.cpu / "cpu.cfs_period_us").read_text() == "100000"
    made.add(42)
    assert (made.cpu / "cgroup.procs").read_text() == "42"
    (made.memory / "memory.oom_control").write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert made.out_of_memory_kills() == 1


def test_kernel_that_cannot_limit_processors_still_limits_the_rest(kernel: Path) -> None:
    (kernel / "own").write_text("8:pids:/\n4:memory:/\n")
    for folder in ("memory", "pids"):
        (kernel / "kernel" / folder).mkdir(parents=True)
    made = Cgroup.create(memory_bytes=1000, processes=7, cpus=1.5)
    assert made is not None
    assert made.cpu is None
    made.add(42)


@pytest.mark.parametrize("own", ["", "0::/\n", "4:memory:/worker\n8:pids:/\n"])
def test_kernel_that_offers_no_group_gives_none(kernel: Path, own: str) -> None:
    (kernel / "own").write_text(own)
    assert Cgroup.create(memory_bytes=1000, processes=7, cpus=1.5) is None


def test_group_of_a_dead_worker_is_removed_and_that_of_a_living_one_is_not(kernel: Path) -> None:
    (kernel / "own").write_text("0::/\n")
    ended = subprocess.Popen(["true"])
    ended.wait()
    abandoned = kernel / "kernel" / f"lethe-{ended.pid}-0badcafe"
    living = kernel / "kernel" / f"lethe-{os.getpid()}-0badcafe"
    for folder in (abandoned, living):
        folder.mkdir(parents=True)
    Cgroup.create(memory_bytes=1000, processes=7, cpus=1.5)
    assert not abandoned.exists()
    assert living.exists()
