"""One submission with many behaviours, so that one warm sandbox serves the whole contract test.

The seed says which: `seed_of(name, k)` in test_sandboxes.py. It runs inside the sandbox.
"""

import ctypes
import multiprocessing
import os
import random
import signal
import socket
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import torch

counter = 0


def do_nothing(net, retain, forget, val):
    return None


def draw(net, retain, forget, val):
    with torch.no_grad():
        net.fc.bias[0] = torch.rand(())
        net.fc.bias[1] = float(np.random.rand())  # noqa: NPY002
        net.fc.bias[2] = random.random()
    return net


def use_the_loaders(net, retain, forget, val):
    loader = torch.utils.data.DataLoader(retain.dataset, batch_size=4, num_workers=2)
    seen = sum(len(targets) for _, targets in loader)
    assert seen == len(retain.dataset), seen
    assert not net.training
    assert torch.get_num_threads() == 1
    assert not torch.cuda.is_available()


def scratch_is_ours(net, retain, forget, val):
    assert os.getcwd() == os.environ["TMPDIR"] == "/tmp"
    assert os.path.samefile("/kaggle/tmp", "/tmp")
    assert sorted(os.listdir(".")) == ["submission.py"], os.listdir(".")
    assert os.listdir("/dev/shm") == []
    assert os.environ["HOME"] == "/tmp"
    assert sys.stdin.read() == ""
    assert set(os.environ) <= {
        *(
            "CUDA_VISIBLE_DEVICES",
            "GLIBC_TUNABLES",
            "HOME",
            "HOSTNAME",
            "LANG",
            "LD_LIBRARY_PATH",
            "LC_CTYPE",
            "MKL_NUM_THREADS",
            "NVIDIA_VISIBLE_DEVICES",
        ),
        *("OMP_NUM_THREADS", "PATH", "PWD", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONHOME"),
        *(
            "PYTHONPATH",
            "TMPDIR",
            "TORCHDYNAMO_DISABLE",
            "TORCHINDUCTOR_CACHE_DIR",
            "USER",
            "KMP_DUPLICATE_LIB_OK",
            "KMP_INIT_AT_FORK",
        ),
    }, set(os.environ)


def leave_traces(net, retain, forget, val):
    globals()["counter"] = 1
    torch.left_behind = True
    Path("/tmp/left").write_text("here")
    Path("/dev/shm/left").write_text("here")
    os.mkdir("locked")
    Path("locked/file").write_text("here")
    os.chmod("locked", 0)
    for depth in range(1500):  # deeper than a path may be long
        os.mkdir(name := f"folder-{depth:04}")
        os.chdir(name)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)


def find_no_traces(net, retain, forget, val):
    assert counter == 0
    assert not hasattr(torch, "left_behind")
    scratch_is_ours(net, retain, forget, val)
    processes = [name for name in os.listdir("/proc") if name.isdigit()]
    assert sorted(map(int, processes)) == [1, os.getpid()], processes


def raise_an_exception(net, retain, forget, val):
    return {}["no such key"]


def run_forever(net, retain, forget, val):
    print("still here")
    while True:
        pass


def sleep_with_closed_pipes(net, retain, forget, val):
    os.closerange(1, 64)
    time.sleep(1000)


def eat_memory(net, retain, forget, val):
    hoard = []
    while True:
        hoard.append(torch.ones(2**24))


def eat_memory_together(net, retain, forget, val):
    for _ in range(8):
        if os.fork() == 0:
            hoard = torch.ones(2**25)  # 128 MiB
            time.sleep(1000 + len(hoard))
    os.wait()
    os.kill(os.getpid(), signal.SIGKILL)


def return_wrong_shapes(net, retain, forget, val):
    net.fc = torch.nn.Linear(net.fc.in_features, 11)
    return net


def return_half_precision(net, retain, forget, val):
    return net.half()


def return_a_number(net, retain, forget, val):
    return 7


def return_nan(net, retain, forget, val):
    with torch.no_grad():
        net.fc.bias[3] = float("nan")
    return net


def return_more(net, retain, forget, val):
    return torch.nn.Sequential(net)


def flood_the_log(net, retain, forget, val):
    while True:
        print("forget " * 1000)


def print_then_return(net, retain, forget, val):
    print("to the log")
    print("also to the log", file=sys.stderr)
    os.write(1, b"\xff\x00 not text")


def exit_with_3(net, retain, forget, val):
    os._exit(3)


def exit_with_0(net, retain, forget, val):
    os._exit(0)


def kill_itself(net, retain, forget, val):
    os.kill(os.getpid(), signal.SIGKILL)


def crash(net, retain, forget, val):
    ctypes.string_at(0)


def call_sys_exit(net, retain, forget, val):
    sys.exit(0)


def open_a_connection(net, retain, forget, val):
    socket.create_connection(("1.1.1.1", 53), timeout=1)


def fork_forever(net, retain, forget, val):
    while True:
        os.fork()


def fork_and_come_back_twice(net, retain, forget, val):
    if os.fork() == 0:
        raise ValueError("from the copy")
    os.wait()


def fill_the_scratch(net, retain, forget, val):
    with open("big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))


def fill_with_files(net, retain, forget, val):
    made = 0
    for folder in ("/dev/shm", "/tmp"):
        try:
            while True:
                os.mknod(f"{folder}/{made}")
                made += 1
        except OSError:
            assert made <= 2 * 16384, made
    assert made > 16384, made
    raise OSError("both are full of files")


def see_no_keys(net, retain, forget, val):
    try:
        assert Path("/proc/keys").read_text() == ""
    except PermissionError:
        return


def write_elsewhere(net, retain, forget, val):
    for folder in ("/", "/usr", "/runtime/packages/submissions_sandbox", "/etc", "/dev", "/proc/sys/kernel"):
        try:
            Path(folder, "file").write_text("here")
        except OSError:
            continue
        raise AssertionError(folder)


def signal_pid_1(net, retain, forget, val):
    for number in range(1, 65):
        if number not in (32, 33):  # the C library's own
            os.kill(1, number)


def speak_for_the_runner(net, retain, forget, val):
    """Write junk to every descriptor that a run can find."""
    for fd in range(3, 256):
        try:
            os.write(fd, b'{"failure": "platform_error", "message": "not my fault"}\n')
        except OSError:
            continue
    time.sleep(1000)


def inherit_only_pipes(net, retain, forget, val):
    paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd") if int(fd) > 2]
    names = [os.readlink(path) for path in paths if os.path.lexists(path)]  # the listing's own is gone
    assert len(names) == 2, names
    assert any(name.startswith("pipe:") for name in names), names
    assert any(name.startswith("/memfd:weights") for name in names), names


def use_a_pool(net, retain, forget, val):
    with multiprocessing.Pool(2) as pool:
        assert pool.map(abs, [-1, -2]) == [1, 2]


def unlearning(net, retain, forget, val):
    case = torch.initial_seed() >> 8
    behaviours = {zlib.crc32(name.encode()): value for name, value in globals().items()}
    return behaviours[case](net, retain, forget, val)
