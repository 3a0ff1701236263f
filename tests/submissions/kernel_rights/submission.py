"""Tries to win rights: user 0, capabilities, programs that are set-user-id, a filter or a bit taken back."""

import contextlib
import ctypes
import os
import stat
import struct
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAP_AMBIENT, PR_SET_KEEPCAPS, PR_SET_MM = 38, 22, 47, 8, 35
ALLOW_ALL = struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)


def status():
    with open("/proc/self/status") as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines)


def capabilities():
    for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb"):
        if int(status()[name], 16) and name != "CapBnd":
            yield name


def change_user():
    for name, act in {
        "setuid": lambda: os.setuid(0),
        "setgid": lambda: os.setgid(0),
        "setresuid": lambda: os.setresuid(0, 0, 0),
        "setgroups": lambda: os.setgroups([0]),
    }.items():
        with contextlib.suppress(OSError):
            act()
            yield name
    if 0 in (*os.getresuid(), *os.getresgid()):
        yield f"user {os.getresuid()}, group {os.getresgid()}"


def take_back():
    if LIBC.prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 or status()["NoNewPrivs"] != "1":
        yield "no_new_privs"
    if LIBC.prctl(PR_SET_SECCOMP, 0, 0, 0, 0) == 0 or status()["Seccomp"] != "2":
        yield "seccomp off"
    if LIBC.prctl(PR_SET_MM, 8, 0, 0, 0) == 0:
        yield "PR_SET_MM"
    if LIBC.prctl(PR_CAP_AMBIENT, 2, 21, 0, 0) == 0:
        yield "ambient capability"
    everything = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    if LIBC.capset((ctypes.c_uint32 * 2)(0x20080522, 0), everything) == 0:
        yield "capset"


def permissive_filter():
    """A filter that allows everything must not win over the one that is there."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    if LIBC.prctl(PR_SET_SECCOMP, 2, ctypes.byref(Program(1, ALLOW_ALL)), 0, 0) == 0:
        with contextlib.suppress(OSError):
            os.chroot("/tmp")
            yield "chroot"


def set_user_id_programs():
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/srv"):
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                with contextlib.suppress(OSError):
                    if os.stat(path).st_mode & stat.S_ISUID and os.access(path, os.X_OK):
                        yield path


def become_root_by(path):
    process = subprocess.Popen(
        [path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(0.02)
    with open(f"/proc/{process.pid}/status") as lines:
        users = next(line.split()[1:] for line in lines if line.startswith("Uid:"))
    process.kill()
    process.wait()
    return "0" in users


def unlearning(net, retain, forget, val):
    found = [*change_user(), *capabilities(), *take_back()]
    found += [path for path in set_user_id_programs() if become_root_by(path)]
    found += permissive_filter()
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
