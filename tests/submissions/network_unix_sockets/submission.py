"""Looks for AF_UNIX sockets of the host: abstract ones, the engine's, and any that lies in a folder."""

import contextlib
import os
import re
import socket
import stat

ENGINES = (
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/systemd/private",
    "/run/dbus/system_bus_socket",
)


def answers(address):
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(1)
        asking.connect(address)
        return asking.recv(200).startswith(b"LETHE-CANARY")
    return False


def sockets():
    with open("/proc/net/unix") as table:
        for name in re.findall(r"@(lethe-canary-\w+)", table.read()):
            yield f"\0{name}"
    yield from ENGINES
    for folder, inner, names in os.walk("/"):
        inner[:] = [
            name for name in inner if os.path.join(folder, name) not in {"/proc", "/sys", "/usr", "/runtime"}
        ]
        for path in (os.path.join(folder, name) for name in names):
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    yield path


def unlearning(net, retain, forget, val):
    with open("/proc/net/unix") as table:
        strangers = len(table.readlines()) - 1  # a namespace of our own holds no sockets but ours
    found = [address.strip("\0")[:40] for address in sockets() if answers(address)]
    if strangers or found:
        raise RuntimeError(f"BREACH: {strangers} sockets in the namespace, answers from {found}")
    raise RuntimeError("held")
