"""The options of a sandbox's container, as the engine itself reports them of a running one."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import docker
import pytest

from core.errors import SandboxUnavailableError
from core.settings import get_settings
from submissions_sandbox.system_calls import ALLOWED
from tests.support.sandboxes import LIMITS, MIB, OWNER, make_sandbox
from worker.sandboxes import BubblewrapSandbox
from worker.sandboxes.base import Limits
from worker.sandboxes.container import ContainerSpec, container_options
from worker.sandboxes.docker import DockerChannel, DockerSandbox
from worker.sandboxes.selftest import find_gpu

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def inspected() -> Iterator[dict[str, Any]]:
    with closing(make_sandbox("docker").open(LIMITS)) as channel, closing(docker.from_env()) as client:
        assert isinstance(channel, DockerChannel)
        yield client.api.inspect_container(channel._container)


# DESIGN.md's list, option by option. What the engine does not report is looked at from inside, by the probe.
_HOST_CONFIG = {
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "Privileged": False,
    "CapDrop": ["ALL"],
    "CapAdd": None,
    "PidsLimit": LIMITS.processes,
    "Memory": LIMITS.memory_bytes,
    "MemorySwap": LIMITS.memory_bytes,
    "NanoCpus": 2_000_000_000,
    "IpcMode": "none",
    "CgroupnsMode": "private",
    "PidMode": "",
    "UTSMode": "",
    "UsernsMode": "",
    "LogConfig": {"Type": "none", "Config": {}},
    "Ulimits": [
        {"Name": "nofile", "Hard": LIMITS.open_files, "Soft": LIMITS.open_files},
        {"Name": "core", "Hard": 1, "Soft": 1},
    ],
    "Tmpfs": {
        "/tmp": f"exec,mode=1777,nosuid,nodev,nr_inodes=16384,size={16 * MIB}",
        "/dev/shm": f"noexec,mode=1777,nosuid,nodev,nr_inodes=16384,size={16 * MIB}",
        "/dev/mqueue": "ro,noexec,nosuid,nodev",
        "/dev/pts": "ro,noexec,nosuid,nodev",
    },
    "Binds": None,
    "VolumesFrom": None,
    "Devices": None,
    "DeviceRequests": None,
    "PortBindings": None,
    "Links": None,
    "GroupAdd": None,
    "OomKillDisable": False,
}


@pytest.mark.parametrize("option", _HOST_CONFIG)
def test_running_container_has_the_option(inspected: dict[str, Any], option: str) -> None:
    assert (inspected["HostConfig"][option] or None) == (_HOST_CONFIG[option] or None)


def test_running_container_masks_what_proc_and_sys_tell(inspected: dict[str, Any]) -> None:
    masked, read_only = inspected["HostConfig"]["MaskedPaths"], inspected["HostConfig"]["ReadonlyPaths"]
    assert {"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"} <= set(masked)
    assert {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} <= set(read_only)


def test_running_container_gains_no_privileges_and_filters_calls(inspected: dict[str, Any]) -> None:
    options = inspected["HostConfig"]["SecurityOpt"]
    assert "no-new-privileges" in options
    (profile,) = (json.loads(option.removeprefix("seccomp=")) for option in options if "seccomp=" in option)
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    allowed = {
        name for call in profile["syscalls"] if call["action"] == "SCMP_ACT_ALLOW" for name in call["names"]
    }
    assert allowed == set(ALLOWED)


def test_running_container_is_the_sandboxs_user_on_an_image_by_id(inspected: dict[str, Any]) -> None:
    assert inspected["Config"]["User"] == "65532:65532"
    assert inspected["Image"].startswith("sha256:")
    assert inspected["Mounts"] == []
    assert "CUDA_VISIBLE_DEVICES=" in inspected["Config"]["Env"]
    assert "NVIDIA_VISIBLE_DEVICES=void" in inspected["Config"]["Env"]


def _options(spec: ContainerSpec, limits: Limits) -> dict[str, Any]:
    with closing(docker.from_env()) as client:
        return container_options(client.api, spec, limits)


def test_gpu_is_asked_for_only_by_a_phase_that_computes_on_one() -> None:
    spec = ContainerSpec("image", OWNER, runtime="runsc", gpus=("0", "GPU-1"))
    on_cpu, on_gpu = _options(spec, Limits()), _options(spec, Limits(device="cuda"))
    assert not on_cpu["host_config"]["DeviceRequests"]
    (request,) = on_gpu["host_config"]["DeviceRequests"]
    assert request["DeviceIDs"] == ["0", "GPU-1"]
    assert request["Capabilities"] == [["gpu", "compute", "utility"]]
    assert not {"CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"} & on_gpu["environment"].keys()
    assert on_cpu["host_config"]["Runtime"] == on_gpu["host_config"]["Runtime"] == "runsc"


def test_gpu_phase_on_a_worker_without_one_is_refused() -> None:
    on_gpu = Limits(device="cuda")
    with pytest.raises(SandboxUnavailableError, match="LETHE_SANDBOX_GPUS"):
        DockerSandbox(get_settings().sandbox_image, owner=OWNER).open(on_gpu)
    with pytest.raises(SandboxUnavailableError, match="docker sandbox"):
        BubblewrapSandbox().open(on_gpu)


def test_engine_that_gives_no_gpu_is_an_unavailable_sandbox() -> None:
    sandbox = DockerSandbox(get_settings().sandbox_image, owner=OWNER).with_gpus("GPU-none")
    with pytest.raises(
        SandboxUnavailableError, match=r"finds no GPU: Docker does not start.*container toolkit"
    ):
        find_gpu(sandbox)


def test_sandbox_in_which_torch_finds_no_gpu_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = DockerSandbox(get_settings().sandbox_image, owner=OWNER).with_gpus("GPU-none")
    monkeypatch.setattr("worker.sandboxes.container._device_requests", lambda *_: [])
    with pytest.raises(
        SandboxUnavailableError, match=r"(?s)docker sandbox finds no GPU: .*no GPU that torch"
    ):
        find_gpu(sandbox)


def test_unknown_runtime_is_an_unavailable_sandbox() -> None:
    sandbox = DockerSandbox(get_settings().sandbox_image, owner=OWNER, runtime="no-such-runtime")
    with pytest.raises(SandboxUnavailableError, match="no-such-runtime"):
        sandbox.open(LIMITS)


def test_chosen_image_stays_when_its_name_comes_to_mean_another() -> None:
    name = "lethe-sandbox:renamed-by-a-test"
    with closing(docker.from_env()) as client:
        image = client.images.get(get_settings().sandbox_image)
        image.tag(*name.split(":"))
        try:
            pinned = DockerSandbox(name, owner=OWNER).pinned()
        finally:
            client.images.remove(name)
    assert pinned.image == image.id
    with closing(pinned.open(LIMITS)) as channel:
        assert channel.identity == f"docker {image.id}"
