"""Probes of the network: sockets of every family, and what might listen."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

from submissions_sandbox.probes import Expected, Probe

_N_FAMILIES = 64  # the kernel has fewer
_TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
_TIMEOUT_S = 0.5
_METADATA = (("169.254.169.254", 80), ("fd00:ec2::254", 80))
_ENGINES = (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
)


def _families(_: Expected) -> Iterator[str]:
    for family in set(range(_N_FAMILIES)) - {socket.AF_UNIX}:
        for kind in _TYPES:
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            yield f"a socket of family {family}, type {kind.name} opens"


def _interfaces(_: Expected) -> Iterator[str]:
    lines = Path("/proc/net/dev").read_text().splitlines()[2:]
    names = {line.split(":")[0].strip() for line in lines} - {"lo"}
    if names:
        yield f"the network interfaces {', '.join(sorted(names))} are there"


def _connects(family: int, address: object) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(_TIMEOUT_S)
            one.connect(address)  # type: ignore[arg-type]
    except OSError:
        return False
    return True


def _loopback(expected: Expected) -> Iterator[str]:
    if _connects(socket.AF_INET, ("127.0.0.1", expected.loopback_port)):
        yield "a service on the host's loopback address answers"


def _metadata(_: Expected) -> Iterator[str]:
    for host, port in _METADATA:
        if _connects(socket.AF_INET6 if ":" in host else socket.AF_INET, (host, port)):
            yield f"the metadata service {host} answers"


def _names(_: Expected) -> Iterator[str]:
    try:
        found = socket.getaddrinfo("example.com", 80)
    except OSError:
        return
    yield f"example.com is resolved to {found[0][4][0]}"


def _abstract(expected: Expected) -> Iterator[str]:
    if _connects(socket.AF_UNIX, f"\0{expected.abstract_socket}"):
        yield "an abstract socket of the host answers"


def _engines(_: Expected) -> Iterator[str]:
    for path in _ENGINES:
        if os.path.exists(path):
            yield f"{path} is there"


PROBES = (
    Probe("socket-families", "to open a socket of any family but AF_UNIX", _families),
    Probe("interfaces", "to find a network interface", _interfaces),
    Probe("loopback", "to reach a service on the host's loopback address", _loopback),
    Probe("metadata", "to reach the cloud's metadata service", _metadata),
    Probe("names", "to resolve a name", _names),
    Probe("abstract-sockets", "to reach an abstract socket of the host", _abstract),
    Probe("engine-sockets", "to find the socket of a container engine or of the system", _engines),
)
