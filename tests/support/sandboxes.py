"""What the sandboxes' tests share: the two kinds, a tiny input, and the view from the host."""

import os
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from core.programs import ENTRY_FILE, Program
from core.settings import get_settings
from submissions_sandbox import architectures
from submissions_sandbox.architectures import Architecture
from worker.runner import SubmissionInput
from worker.sandboxes.base import MIB, Channel, Limits, Sandbox
from worker.sandboxes.bubblewrap import BubblewrapChannel, BubblewrapSandbox
from worker.sandboxes.docker import DockerChannel, DockerSandbox

ARCHITECTURE = Architecture(width=4)
OWNER = os.environ.setdefault("LETHE_TESTS_OWNER", f"lethe-tests-{os.getpid()}")
"""In whose name containers are started: this run of the tests, and the processes that it starts."""
KINDS = [
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    pytest.param("docker", marks=pytest.mark.docker),
]
LIMITS = Limits(
    run_s=5.0,
    memory_bytes=640 * MIB,
    processes=40,
    cpus=2.0,
    scratch_bytes=16 * MIB,
    shared_memory_bytes=16 * MIB,
    log_bytes=10_000,
)


def make_sandbox(kind: str) -> Sandbox:
    """Return the sandbox of this name, unproven."""
    if kind == "docker":
        return DockerSandbox(get_settings().sandbox_image, owner=OWNER)
    return BubblewrapSandbox()


def make_input(source: str) -> SubmissionInput:
    """Return a tiny network and a few noise images for a submission."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    data = {}
    for split, count in (("retain", 12), ("forget", 4), ("val", 4)):
        data[f"{split}/images"] = torch.randint(
            0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator
        )
        for label in ("age", "age_group", "person_id", "image_id"):
            data[f"{split}/{label}"] = torch.arange(count) % 10
    return SubmissionInput(
        architecture=ARCHITECTURE,
        original=save(architectures.build(ARCHITECTURE).state_dict()),
        participant_data=save(data),
        source=Program({ENTRY_FILE: source.encode()}).to_bytes(),
    )


def zygote_pid(channel: Channel) -> int:
    """Return the id, on this host, of the process that is PID 1 inside."""
    if isinstance(channel, DockerChannel):
        return int(channel._api.inspect_container(channel._container)["State"]["Pid"])
    assert isinstance(channel, BubblewrapChannel)
    found = re.search(
        r"^Pid:\s+(\d+)$", Path(f"/proc/self/fdinfo/{channel._zygote}").read_text(), re.MULTILINE
    )
    assert found is not None
    return int(found[1])


def processes_with(pid: int) -> set[int]:
    """Return the ids of all processes that share the PID namespace of this one."""
    namespace = Path(f"/proc/{pid}/ns/pid").readlink()
    found = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and (process / "ns/pid").readlink() == namespace:
                found.add(int(process.name))
        except OSError:
            continue
    return found
