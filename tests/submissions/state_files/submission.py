"""Leaves files of every kind in every place that takes them, and looks for those of an earlier run."""

import fcntl
import os
import socket
import sys

PLACES = ["/tmp", "/dev/shm", "/kaggle/tmp", "/var/tmp", "/run", "/dev/mqueue", "/dev", "/kaggle", "/", "/proc"]
PLACES += [os.path.dirname(os.__file__), os.path.expanduser("~"), "/runtime/packages", "/runtime", "/var/lock"]
PLACES += ["/run/lock", "/sys/fs/cgroup", "/usr/local/lib", "/etc"]
OWN = {"submission.py", "__pycache__"}


def names_in(folder):
    try:
        return set(os.listdir(folder)) - OWN
    except OSError:
        return set()


def leave(folder):
    """Return how many kinds of things this folder took."""
    kinds = 0
    for make in (plain, hidden, strange, shadow, cached, deep, locked, linked, piped, listening, sparse, tagged):
        try:
            make(folder)
            kinds += 1
        except OSError:
            continue
    return kinds


def plain(folder):
    with open(f"{folder}/left", "w") as file:
        file.write("here")


def hidden(folder):
    os.mkdir(f"{folder}/.left")


def strange(folder):
    for name in (b"left\n\x1b[2J", b"\xff\xfe-left", b"left " + b"x" * 240, b"--left", b"..left", b" "):
        with open(os.fsencode(folder) + b"/" + name, "w"):
            pass


def shadow(folder):
    for name in ("torch", "json", "sitecustomize", "usercustomize"):
        with open(f"{folder}/{name}.py", "w") as file:
            file.write("raise RuntimeError('BREACH: a module that an earlier run wrote is imported')")


def cached(folder):
    os.makedirs(f"{folder}/__pycache__", exist_ok=True)
    with open(f"{folder}/__pycache__/submission.{sys.implementation.cache_tag}.pyc", "wb") as file:
        file.write(b"not a cache")


def deep(folder):
    os.makedirs(f"{folder}/left-deep/" + "/".join(["left" * 10] * 40))
    os.chmod(f"{folder}/left-deep", 0)


def locked(folder):
    file = os.open(f"{folder}/left-locked", os.O_CREAT | os.O_RDWR, 0)
    fcntl.flock(file, fcntl.LOCK_EX)


def linked(folder):
    os.symlink("/etc", f"{folder}/left-link")
    os.symlink("left-loop", f"{folder}/left-loop")
    os.link(f"{folder}/left", f"{folder}/left-too")


def piped(folder):
    os.mkfifo(f"{folder}/left-pipe")


def listening(folder):
    socket.socket(socket.AF_UNIX).bind(f"{folder}/left-socket")


def sparse(folder):
    with open(f"{folder}/left-sparse", "wb") as file:
        file.truncate(1 << 23)


def tagged(folder):
    os.setxattr(folder, "user.left", b"here")
    os.utime(folder, (1, 1))


def found():
    for folder in dict.fromkeys(map(os.path.realpath, PLACES)):
        if names := sorted(name for name in names_in(folder) if "left" in name or name in ("torch.py", "json.py")):
            yield f"{folder}/{ascii(names[0])} and {len(names) - 1} more"
    for folder in ("/tmp", "/dev/shm"):
        if "user.left" in os.listxattr(folder) or os.stat(folder).st_mtime < 1000:
            yield f"a mark on {folder}"
    if not os.path.samefile(__file__, "/tmp/submission.py") or open(__file__).read().endswith("# left"):
        yield "a changed submission.py"


def unlearning(net, retain, forget, val):
    if traces := list(found()):
        raise RuntimeError(f"BREACH: an earlier run left {'; '.join(traces)}")
    took = {folder: kinds for folder in dict.fromkeys(PLACES) if (kinds := leave(folder))}
    assert took["/tmp"] >= 10, took
    assert set(took) <= {"/tmp", "/dev/shm", "/kaggle/tmp", "/var/tmp"}, took
    with open(__file__, "a") as file:
        file.write("# left")
