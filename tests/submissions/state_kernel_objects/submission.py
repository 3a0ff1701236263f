"""Leaves objects that belong to no process: key rings, System V memory and queues, POSIX queues."""

import ctypes
import os
import platform
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.syscall.restype = ctypes.c_long
KEY = 0x4C455445
NUMBERS = {
    "x86_64": {"shmget": 29, "semget": 64, "msgget": 68, "mq_open": 240, "add_key": 248, "keyctl": 250},
    "aarch64": {"shmget": 194, "semget": 190, "msgget": 186, "mq_open": 180, "add_key": 217, "keyctl": 219},
}[platform.machine()]
CREATE = 0o1000 | 0o666  # IPC_CREAT
KEYCTL_SEARCH, KEYCTL_SET_TIMEOUT = 10, 15
RINGS = (-3, -4, -5)  # session, user, user session


def call(name, *arguments):
    return LIBC.syscall(NUMBERS[name], *arguments)


def word(text):
    return ctypes.c_char_p(text.encode())


def find():
    if call("shmget", KEY, 0, 0) >= 0:
        yield "shared memory"
    if call("semget", KEY, 0, 0) >= 0:
        yield "semaphores"
    if call("msgget", KEY, 0) >= 0:
        yield "a message queue"
    if call("mq_open", word("left"), os.O_RDONLY, 0, None) >= 0:
        yield "a POSIX message queue"
    if os.path.exists("/dev/mqueue/left"):
        yield "a POSIX message queue, by its name"
    if any(call("keyctl", KEYCTL_SEARCH, ring, word("user"), word("left"), 0) > 0 for ring in RINGS):
        yield "a key"


def leave():
    call("shmget", KEY, 4096, CREATE)
    call("semget", KEY, 1, CREATE)
    call("msgget", KEY, CREATE)
    call("mq_open", word("left"), os.O_CREAT | os.O_RDWR, 0o666, struct.pack("8q", 0, 1, 64, *[0] * 5))
    for ring in RINGS:
        key = call("add_key", word("user"), word("left"), word("here"), 4, ring)
        if key > 0:
            call("keyctl", KEYCTL_SET_TIMEOUT, key, 20)


def unlearning(net, retain, forget, val):
    if found := list(find()):
        raise RuntimeError(f"BREACH: an earlier run left {', '.join(found)}")
    leave()
    if found := list(find()):
        print(f"these can be made at all: {', '.join(found)}")
