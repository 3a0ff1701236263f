"""What is read out of NVIDIA's program, and what is said when it gives no answer."""

from pathlib import Path

import pytest

from core.errors import GpuUnavailableError
from tests.support.nvidia import NAME, UUIDS, Nvidia
from worker import nvidia


def test_list_gpus_reads_number_name_and_memory_of_each(nvidia_smi: Nvidia) -> None:
    nvidia_smi.set_used(4, 77000)
    assert nvidia.list_gpus() == [
        nvidia.Gpu("0", UUIDS[0], NAME, 4),
        nvidia.Gpu("1", UUIDS[1], NAME, 77000),
    ]


def test_list_processes_names_those_of_one_gpu(nvidia_smi: Nvidia) -> None:
    nvidia_smi.hold(0, 512, pid=1)
    nvidia_smi.hold(1, 300)
    assert nvidia.list_processes(UUIDS[0]) == ["python3 (process 1, 512 MiB)"]


def test_gpu_whose_memory_the_driver_does_not_know_is_refused(nvidia_smi: Nvidia) -> None:
    nvidia_smi.set_used(4, "[N/A]")
    with pytest.raises(GpuUnavailableError, match=r"how much memory of GPU 1 .* but \[N/A\]"):
        nvidia.list_gpus()


def test_missing_program_is_refused_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GpuUnavailableError, match=r"nvidia-smi cannot be run .*install NVIDIA's driver"):
        nvidia.list_gpus()


def test_failing_program_is_refused_with_its_own_words(nvidia_smi: Nvidia) -> None:
    nvidia_smi.fail(9, "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.")
    with pytest.raises(GpuUnavailableError, match=r"status 9: .*couldn't communicate.*LETHE_SANDBOX_GPUS"):
        nvidia.list_gpus()


def test_program_that_hangs_is_refused(nvidia_smi: Nvidia, monkeypatch: pytest.MonkeyPatch) -> None:
    (nvidia_smi.folder / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 10\n")
    monkeypatch.setattr(nvidia, "_TIMEOUT_S", 0.1)
    with pytest.raises(GpuUnavailableError, match="a GPU hangs"):
        nvidia.list_gpus()
