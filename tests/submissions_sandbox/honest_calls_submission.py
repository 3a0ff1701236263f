"""Does what honest code does, and so makes the system calls that a sandbox must allow."""

import asyncio
import fcntl
import mmap
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import shared_memory
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import torch
from sklearn.ensemble import RandomForestClassifier
from torch import nn
from torch.utils.data import DataLoader


def unlearning(net, retain, forget, val):
    steps = (train, compute, fit, start_processes, run_programs, use_files, use_threads, keep_time, talk)
    for step in steps:
        step(net, retain)
    return net


def train(net, retain):
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4)
    loader = DataLoader(retain.dataset, batch_size=4, num_workers=2, persistent_workers=True)
    net.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), targets).backward()
        optimizer.step()
    net.eval()
    torch.save(net.state_dict(), "checkpoint.pt")
    net.load_state_dict(torch.load("checkpoint.pt", mmap=True))
    assert torch.jit.script(nn.Linear(2, 2))(torch.ones(1, 2)).shape == (1, 2)


def compute(net, retain):
    matrix = np.random.default_rng(0).normal(size=(64, 64))
    np.linalg.svd(matrix)
    np.save("matrix.npy", matrix)
    assert np.load("matrix.npy", mmap_mode="r").shape == (64, 64)
    torch.linalg.eigh(torch.from_numpy(matrix @ matrix.T))


def fit(net, retain):
    inputs, targets = np.random.default_rng(0).normal(size=(100, 4)), np.arange(100) % 2
    for backend in ("loky", "threading", "multiprocessing"):
        assert joblib.Parallel(n_jobs=2, backend=backend)(joblib.delayed(abs)(x) for x in (-1, -2)) == [1, 2]
    RandomForestClassifier(8, n_jobs=2).fit(inputs, targets)
    pd.DataFrame(inputs).to_csv("table.csv")
    assert len(pd.read_csv("table.csv")) == 100


def start_processes(net, retain):
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(abs, [-1, -2]) == [1, 2]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-3])) == [3]
    with multiprocessing.Manager() as manager:
        manager.list([1]).append(2)
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.close()
    block.unlink()
    torch.multiprocessing.spawn(_in_a_process, nprocs=2)


def _in_a_process(rank):
    torch.set_num_threads(2)
    torch.ones(64, 64) @ torch.ones(64, 64)


def run_programs(net, retain):
    code = "import torch, sys; sys.stdout.write(str(torch.ones(2).sum().item()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"2.0"
    subprocess.run([sys.executable, "-c", "pass"], check=True, preexec_fn=os.setsid)
    os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ)
    os.wait()


def use_files(net, retain):
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"some bytes" * 1000)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.lockf(file, fcntl.LOCK_EX)
        with mmap.mmap(file.fileno(), 0) as mapped:
            mapped[:4] = b"same"
        copy = Path(shutil.copy2(file.name, f"{folder}/copy"))
        copy.chmod(0o600)
        os.utime(copy)
        os.chown(copy, os.getuid(), os.getgid())
        os.link(copy, f"{folder}/linked")
        os.symlink(copy, f"{folder}/symbolic")
        os.mkfifo(f"{folder}/fifo")
        os.posix_fallocate(file.fileno(), 0, 1 << 20)
        os.fsync(file.fileno())
        copy.rename(f"{folder}/renamed")
        assert len(list(os.scandir(folder))) == 5
        shutil.disk_usage(folder)
        shutil.make_archive(f"{folder}/archive", "gztar", folder, "renamed")
    with sqlite3.connect("notes.db") as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE note (text)")
    assert not os.isatty(1)


def use_threads(net, retain):
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(abs, range(-8, 0))) == 36
    torch.set_num_threads(2)
    torch.ones(512, 512) @ torch.ones(512, 512)
    torch.set_num_threads(1)
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    assert event.wait(5)
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    os.nice(1)
    resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE))


def keep_time(net, retain):
    rung = []
    signal.signal(signal.SIGALRM, lambda *_: rung.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    assert rung == [1]
    time.perf_counter_ns(), time.process_time(), os.times(), os.getloadavg(), os.uname()
    resource.getrusage(resource.RUSAGE_SELF)


def talk(net, retain):
    async def echo():
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1)", stdout=-1)
        return (await process.communicate())[0]

    assert asyncio.run(echo()) == b"1\n"
    one, other = socket.socketpair()
    socket.send_fds(one, [b"x"], [1])
    assert socket.recv_fds(other, 1, 1)[0] == b"x"
    with socket.socket(socket.AF_UNIX) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.bind("socket")
        server.listen()
