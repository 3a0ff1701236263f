"""Asks the host's own services for their canary over the loopback, then tries to get out."""

import os
import socket

PORT = 47163  # of the planted services
OUTSIDE = [
    (socket.AF_INET, ("169.254.169.254", 80)),  # a cloud's metadata
    (socket.AF_INET, ("172.17.0.1", 2375)),  # an engine, on the bridge's address
    (socket.AF_INET, ("1.1.1.1", 53)),
    (socket.AF_INET6, ("2606:4700:4700::1111", 53)),
]


def ask(family, kind, address):
    with socket.socket(family, kind) as asking:
        asking.settimeout(1)
        asking.connect(address)
        if kind == socket.SOCK_DGRAM:
            asking.send(b"?")
        return asking.recv(200).decode()


def reached():
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                yield f"{family.name} {kind.name} {ask(family, kind, (host, PORT))[:12]}"
            except OSError as error:
                print(family.name, kind.name, error)


def got_out():
    for family, address in OUTSIDE:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as outgoing:
                outgoing.settimeout(0.5)
                outgoing.connect(address)
        except OSError as error:
            print(address, error)
        else:
            yield f"connected to {address}"
    try:
        yield f"resolved {socket.getaddrinfo('example.org', 80)}"
    except OSError as error:
        print("DNS", error)
    interfaces = set(os.listdir("/sys/class/net")) if os.path.exists("/sys/class/net") else set()
    if interfaces - {"lo"}:
        yield f"interfaces {interfaces}"


def unlearning(net, retain, forget, val):
    found = list(reached()) or list(got_out())
    raise RuntimeError(f"BREACH: {found}" if found else "held")
