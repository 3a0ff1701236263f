"""What a run may try on the zygote itself, chosen by the seed; it runs inside the sandbox."""

import contextlib
import errno
import fcntl
import json
import os
import re
import resource
import signal
import socket
import stat
import time
import zlib
from pathlib import Path

import torch

WORDS = re.compile(rb"words of run (\d{1,20})")  # does not find itself
PIECE, OVERLAP = 1 << 22, 64


def do_nothing(net):
    pass


def draw(net):
    with torch.no_grad():
        net.fc.bias.copy_(torch.rand(len(net.fc.bias)))


def find_a_fresh_world(net):
    processes = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    assert processes == [1, os.getpid()], processes
    assert os.getcwd() == "/tmp"
    assert os.listdir("/tmp") == ["submission.py"], os.listdir("/tmp")
    assert os.listdir("/dev/shm") == []
    assert stat.S_IMODE(os.stat("/tmp").st_mode) == 0o1777
    assert os.umask(0o22) == 0o22
    assert os.nice(0) == 0
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 100
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    hold_one_pipe_and_one_file(net)
    assert not any(WORDS.search(piece) for piece in _memory()), "what an earlier run said lies in memory"


def hold_one_pipe_and_one_file(net):
    names = []
    for fd in range(3, 256):
        try:
            names.append(os.readlink(f"/proc/self/fd/{fd}").split(":")[0])
        except OSError:
            continue
    assert sorted(names) == ["/memfd", "pipe"], names


def keep_the_pipes_open(net):
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    socket.send_fds(ours, [b"x"], [*_descriptors(), ours.fileno(), theirs.fileno()])  # in flight for ever
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    os.wait()


def stop_everything(net):
    os.kill(1, signal.SIGSTOP)
    if os.fork() == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGSTOP)


def leave_zombies(net):
    children = 0
    while True:
        try:
            if os.fork() == 0:
                os._exit(0)
        except BlockingIOError:
            assert children > 20, children
            return
        children += 1


def change_what_is_shared(net):
    os.umask(0)
    os.nice(5)
    os.chdir("/")
    resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
    signal.setitimer(signal.ITIMER_REAL, 1000.0)
    for change in (lambda: os.chmod("/tmp", 0o700), lambda: os.setxattr("/tmp", "user.left", b"here")):
        try:
            change()
        except OSError:
            continue


def litter(net):
    for number in range(5000):
        os.mknod(f"file-{number}")
    os.mkdir("sub")
    os.mkfifo(b"sub/odd \xff\n name")
    socket.socket(socket.AF_UNIX).bind("sub/socket")
    os.symlink("/", "sub/link")
    os.chmod("sub", 0)


def leave_a_mark(net):
    Path("mark").touch()


def say_all_that_can_be_said(net):
    words = f"words of run {torch.initial_seed()}"
    for number in range(220):
        print(words, number)
        Path(f"{words} {number}").touch()
    raise ValueError("\N{SLIGHTLY SMILING FACE}" * 15_000 + words * 50)


def report_in_bytes_that_json_would_multiply(net):
    (report,) = (fd for fd in _descriptors() if "pipe" in os.readlink(f"/proc/self/fd/{fd}"))
    message = f"words of run {torch.initial_seed()}" + "\N{SLIGHTLY SMILING FACE}" * 15_000
    content = json.dumps({"failure": "out_of_memory", "message": message}, ensure_ascii=False)
    os.write(report, content.encode() + b"\n")
    time.sleep(1000)


def seal_and_stretch_the_weights(net):
    (weights,) = (fd for fd in _descriptors() if "memfd" in os.readlink(f"/proc/self/fd/{fd}"))
    assert _error_of(lambda: fcntl.fcntl(weights, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)) == errno.EPERM
    assert _error_of(lambda: os.ftruncate(weights, 2**40)) == errno.EFBIG
    os.ftruncate(weights, 8 * 2**20)


def _error_of(action):
    try:
        action()
    except OSError as error:
        return error.errno
    return None


def _memory():
    """Yield all that this process can write to, in pieces: a fork has all that the zygote ever freed."""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as file:
        for line in maps:
            addresses, rights = line.split()[:2]
            start, end = (int(part, 16) for part in addresses.split("-"))
            for place in range(start, end, PIECE) if "w" in rights else ():
                with contextlib.suppress(OSError):
                    file.seek(place)
                    yield file.read(min(end - place, PIECE + OVERLAP))


def _descriptors():
    found = []
    for fd in range(3, 256):
        try:
            os.fstat(fd)
        except OSError:
            continue
        found.append(fd)
    return found


def unlearning(net, retain, forget, val):
    behaviours = {zlib.crc32(name.encode()): value for name, value in globals().items()}
    return behaviours[torch.initial_seed() >> 8](net)
