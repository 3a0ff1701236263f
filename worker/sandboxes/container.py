"""The options of a sandbox's container: every one that the engine offers to hold a submission back."""

from typing import Any, NamedTuple

from docker.types import DeviceRequest, LogConfig, Ulimit

from core.errors import SandboxUnavailableError
from submissions_sandbox import scratch
from submissions_sandbox.confinement import CORE_BYTES, USER_ID
from worker.sandboxes.base import Limits, environment
from worker.sandboxes.seccomp_profile import docker_profile

OWNER_LABEL = "lethe.sandbox"

_READ_ONLY = "ro,noexec,nosuid,nodev"


class ContainerSpec(NamedTuple):
    """What all containers of a worker share.

    Attributes:
        image: name or id of an image that `worker.sandboxes.image` built.
        owner: in whose name they are started.
        runtime: the engine's word for the runtime, "runsc" for gVisor; empty for the engine's default.
        gpus: the engine's ids of the GPUs that a phase on "cuda" may use.
    """

    image: str
    owner: str
    runtime: str
    gpus: tuple[str, ...]


def container_options(api: Any, spec: ContainerSpec, limits: Limits) -> dict[str, object]:
    """Return the arguments of `docker.APIClient.create_container`.

    Raises:
        SandboxUnavailableError: the phase asks for a GPU and the worker has none to give.
    """
    return {
        "image": spec.image,
        "user": f"{USER_ID}:{USER_ID}",
        "stdin_open": True,  # together with an attached start: closed when this connection is
        "environment": environment(limits.device),
        "labels": {OWNER_LABEL: spec.owner},
        "hostname": "sandbox",
        "host_config": _host_config(api, spec, limits),
        "use_config_proxy": False,
    }


def _host_config(api: Any, spec: ContainerSpec, limits: Limits) -> Any:
    return api.create_host_config(
        network_mode="none",
        read_only=True,
        tmpfs=_file_systems(limits),
        cap_drop=["ALL"],
        security_opt=["no-new-privileges", f"seccomp={docker_profile(limits.device)}"],
        pids_limit=limits.processes,
        mem_limit=limits.memory_bytes,
        memswap_limit=limits.memory_bytes,
        nano_cpus=round(limits.cpus * 1e9),
        ulimits=[
            Ulimit(name="nofile", soft=limits.open_files, hard=limits.open_files),
            Ulimit(name="core", soft=CORE_BYTES, hard=CORE_BYTES),
        ],
        ipc_mode="none",  # a namespace of its own, and /dev/shm left to the file system above
        cgroupns="private",
        log_config=LogConfig(type="none"),
        init=False,
        runtime=spec.runtime or None,
        device_requests=_device_requests(spec, limits),
    )


def _file_systems(limits: Limits) -> dict[str, str]:
    capped = f"mode=1777,nosuid,nodev,nr_inodes={scratch.MAX_FILES}"
    return {
        scratch.FOLDER: f"exec,{capped},size={limits.scratch_bytes}",
        scratch.SHARED_MEMORY: f"noexec,{capped},size={limits.shared_memory_bytes}",
        "/dev/mqueue": _READ_ONLY,  # in place of a folder whose files outlive a run
        "/dev/pts": _READ_ONLY,  # terminals are a large part of the kernel, and few for a whole machine
    }


def _device_requests(spec: ContainerSpec, limits: Limits) -> list[DeviceRequest]:
    if limits.device == "cpu":
        return []
    if not spec.gpus:
        raise SandboxUnavailableError(
            "the phase computes on a GPU and this worker has none to give: set LETHE_SANDBOX_GPUS"
        )
    return [DeviceRequest(device_ids=list(spec.gpus), capabilities=[["gpu", "compute", "utility"]])]
