"""GPUs that are not there: a program `nvidia-smi` on the PATH that answers as the real one would."""

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

UUIDS = ("GPU-00000000-aaaa-4000-8000-000000000000", "GPU-11111111-bbbb-4000-8000-000000000001")
NAME = "NVIDIA H100 80GB HBM3"
_ANSWERS = Path(__file__).with_name("nvidia_smi.py")


class Nvidia:
    """What the program answers: two GPUs, each with 4 MiB in use, until a test says otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "held").mkdir(parents=True)
        self.set_used(4, 4)
        program = folder / "nvidia-smi"
        command = shlex.join([sys.executable, "-I", "-S", str(_ANSWERS), str(folder)])
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        program.chmod(0o755)

    def set_used(self, *used: object) -> None:
        """Say how many MiB are in use on each GPU beside what processes hold; as many GPUs are there."""
        gpus = [
            {"index": str(index), "uuid": uuid, "memory.used": mib, "name": NAME}
            for index, (uuid, mib) in enumerate(zip(UUIDS, used, strict=False))
        ]
        (self.folder / "gpus.json").write_text(json.dumps(gpus))

    def hold(self, gpu: int, mib: int, *, pid: int | None = None) -> None:
        """Let a process, this one if none is named, hold memory until it ends."""
        (self.folder / "held" / f"{UUIDS[gpu]},{pid or os.getpid()}").write_text(str(mib))

    def let_go(self) -> None:
        """Free what processes hold."""
        for file in (self.folder / "held").iterdir():
            file.unlink()

    def fail(self, status: int, words: str) -> None:
        """Let the program fail from now on."""
        (self.folder / "failure").write_text(f"{status}\n{words}")


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nvidia:
    """Two GPUs."""
    fake = Nvidia(tmp_path / "nvidia")
    monkeypatch.setenv("PATH", str(fake.folder), prepend=os.pathsep)
    return fake
