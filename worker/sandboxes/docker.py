"""The sandbox of production: one container per shard on a Docker engine, local or remote."""

import socket
import struct
import time
from contextlib import ExitStack, closing, suppress
from http import HTTPStatus
from typing import Any

import docker
from docker.errors import APIError, DockerException

from core.errors import SandboxUnavailableError
from worker.sandboxes.base import ChannelClosedError, Limits
from worker.sandboxes.container import OWNER_LABEL, ContainerSpec, container_options

_ENGINE_ERRORS = (DockerException, OSError)  # requests' errors are OSErrors
_DEATH_S = 10
_IO_BYTES = 1 << 20
_COMPLAINT_BYTES = 4096
_STREAM_HEADER = struct.Struct(">BxxxL")  # which stream, how many bytes of it follow
_STDOUT = 1


class DockerSandbox:
    """Starts zygotes in containers.

    A container ends when its worker's connection does; what is left of it then, a stopped container,
    carries the label `lethe.sandbox` with the owner's name for `remove_orphans`.
    """

    name = "docker"

    def __init__(self, image: str, *, owner: str, runtime: str = "", gpus: tuple[str, ...] = ()) -> None:
        """See `ContainerSpec`; `owner` names this worker's host."""
        self._spec = ContainerSpec(image, owner, runtime, gpus)

    @property
    def image(self) -> str:
        """The image as it was given: its name, or its id."""
        return self._spec.image

    def has_image(self) -> bool:
        """Say whether an engine answers and holds the image."""
        try:
            self.pinned()
        except SandboxUnavailableError:
            return False
        return True

    def pinned(self) -> "DockerSandbox":
        """Return this sandbox with its image by id: a name may come to mean another image.

        Raises:
            SandboxUnavailableError: no engine answers, or it does not hold the image.
        """
        try:
            with closing(docker.from_env()) as client:
                image = client.images.get(self.image).id
        except _ENGINE_ERRORS as error:
            raise SandboxUnavailableError(f"Docker has no sandbox to start: {error}") from None
        return self._with(image=image)

    def with_gpus(self, *gpus: str) -> "DockerSandbox":
        """Return this sandbox with only these GPUs to give."""
        return self._with(gpus=gpus)

    def _with(self, **changes: Any) -> "DockerSandbox":
        spec = self._spec._replace(**changes)
        return DockerSandbox(spec.image, owner=spec.owner, runtime=spec.runtime, gpus=spec.gpus)

    def open(self, limits: Limits) -> "DockerChannel":
        """Start a zygote; see `Sandbox.open`."""
        with ExitStack() as undo:
            try:
                api = docker.from_env().api
                undo.callback(api.close)
                container = api.create_container(**container_options(api, self._spec, limits))["Id"]
                undo.callback(_remove, api, container)
                image = api.inspect_container(container)["Image"]
                stream = api.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
                undo.callback(_close_stream, stream)
                api.start(container)
            except _ENGINE_ERRORS as error:
                raise SandboxUnavailableError(f"Docker does not start a sandbox: {error}") from None
            at_end = undo.pop_all()
        return DockerChannel(container, stream, at_end, api, identity=f"{self.name} {image}")


class DockerChannel:
    """The attached streams of a container; see `Channel`."""

    limits_together = True

    def __init__(self, container: str, stream: Any, at_end: ExitStack, api: Any, *, identity: str) -> None:
        """Take over a started container, its attached socket, and what is to be done at the end."""
        self.identity = identity
        self._container = container
        self._socket: socket.socket = getattr(stream, "_sock", stream)  # over TLS it is the socket itself
        self._at_end = at_end
        self._api = api
        self._unread = memoryview(b"")
        self._stream, self._stream_left = _STDOUT, 0  # the frame that is being read
        self._complaint = b""

    def send(self, data: bytes, *, deadline: float) -> None:
        """Write all of `data`; see `Channel.send`."""
        view = memoryview(data)
        try:
            while view:
                self._socket.settimeout(_seconds_until(deadline))
                view = view[self._socket.send(view[:_IO_BYTES]) :]
        except ConnectionError:
            raise ChannelClosedError("the sandbox is gone") from None

    def receive_into(self, buffer: memoryview, *, deadline: float) -> int:
        """Fill the front of `buffer`; see `Channel.receive_into`."""
        while True:
            if self._stream_left == 0:
                header = self._read_header(deadline)
                if len(header) < _STREAM_HEADER.size:
                    return 0
                self._stream, self._stream_left = _STREAM_HEADER.unpack(header)
                continue
            is_stdout = self._stream == _STDOUT
            wanted = min(len(buffer), self._stream_left) if is_stdout else self._stream_left
            part = self._read_some(wanted, deadline)
            self._stream_left -= len(part)
            if is_stdout or not part:
                buffer[: len(part)] = part
                return len(part)
            self._complaint = (self._complaint + part)[-_COMPLAINT_BYTES:]

    def out_of_memory(self) -> bool:
        """Say whether the kernel ended the container for its memory; see `Channel.out_of_memory`."""
        try:
            self._api.wait(self._container, timeout=_DEATH_S)
            return bool(self._api.inspect_container(self._container)["State"]["OOMKilled"])
        except _ENGINE_ERRORS as error:
            raise SandboxUnavailableError(f"Docker cannot say how the sandbox ended: {error}") from None

    def complaint(self) -> str:
        """Return what came on standard error; see `Channel.complaint`."""
        return self._complaint.decode(errors="replace")

    def close(self) -> None:
        """End the container; see `Channel.close`.

        An engine that does not answer ends it later, as its connection is gone.
        """
        with suppress(*_ENGINE_ERRORS):
            self._at_end.close()

    def _read_some(self, max_bytes: int, deadline: float) -> memoryview:
        if not self._unread:
            self._socket.settimeout(_seconds_until(deadline))
            try:
                self._unread = memoryview(self._socket.recv(_IO_BYTES))
            except ConnectionError:
                self._unread = memoryview(b"")
        part, self._unread = self._unread[:max_bytes], self._unread[max_bytes:]
        return part

    def _read_header(self, deadline: float) -> bytes:
        """Read the header of a frame, less only if the stream ends."""
        data = b""
        try:
            while part := self._read_some(_STREAM_HEADER.size - len(data), deadline):
                data += part
        except TimeoutError:
            self._unread = memoryview(data)  # for the next call
            raise
        return data


def remove_orphans(owner: str) -> int:
    """Remove the containers that earlier workers of `owner` left behind, and return how many.

    Call it where no worker of `owner` runs yet.

    Raises:
        SandboxUnavailableError: the engine does not answer.
    """
    try:
        with closing(docker.from_env()) as client:
            orphans = client.containers.list(all=True, filters={"label": f"{OWNER_LABEL}={owner}"})
            for orphan in orphans:
                _remove(client.api, orphan.id)
    except _ENGINE_ERRORS as error:
        raise SandboxUnavailableError(f"Docker does not remove old sandboxes: {error}") from None
    return len(orphans)


def _close_stream(stream: Any) -> None:
    inner = getattr(stream, "_sock", stream)  # forgotten as the stream closes, and left open
    stream.close()
    inner.close()


def _remove(api: Any, container: str) -> None:
    try:
        api.remove_container(container, force=True)
    except APIError as error:
        if error.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):  # gone, or just going
            raise


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the sandbox neither reads nor answers")
    return left
