"""Marks everything a process can remember, and looks for the marks of an earlier run."""

import asyncio
import atexit
import builtins
import contextlib
import copyreg
import decimal
import gc
import hashlib
import locale
import logging
import os
import re
import resource
import signal
import sys
import threading
import types
import warnings

import numpy as np
import torch

MARK = "left_behind"
TOKEN = hashlib.sha256(b"a mark in the heap").digest()
WORDS = re.compile(rb"the words of run (\d{1,20})")  # does not find itself
PIECE, OVERLAP = 1 << 22, 64
HOLDERS = (builtins, os, sys, torch, np, torch.nn.Module, torch.nn.functional, threading.current_thread())


def traces(net, retain):
    found = [type(holder).__name__ for holder in (*HOLDERS, net, retain, retain.dataset) if hasattr(holder, MARK)]
    checks = {
        "sys.modules": MARK in sys.modules,
        "sys.path": MARK in sys.path,
        "sys.meta_path": len(sys.meta_path) > 8,
        "sys.gettrace": sys.gettrace() is not None or sys.getprofile() is not None,
        "recursion limit": sys.getrecursionlimit() == 4321,
        "hooks": sys.excepthook is not sys.__excepthook__,
        "environment": MARK in os.environ,
        "folder": os.getcwd() == "/",
        "umask": _umask() == 0o77,
        "limits": resource.getrlimit(resource.RLIMIT_STACK)[0] == 7 << 20,
        "signals": signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL,
        "blocked signals": signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "alarm": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "collector": bool(gc.callbacks) or gc.get_threshold()[0] == 4321,
        "pickling": any(kind.__name__ == "Left" for kind in copyreg.dispatch_table),
        "exit": atexit._ncallbacks() > 64,
        "warnings": any(MARK in str(entry) for entry in warnings.filters),
        "logging": logging.getLogger().level == 43,
        "decimal": decimal.getcontext().prec == 43,
        "event loop": type(asyncio.get_event_loop_policy()).__name__ == "LeftPolicy",
        "default dtype": torch.get_default_dtype() is not torch.float32,
        "grad mode": not torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads() != 1,
        "function modes": torch._C._len_torch_function_stack() > 0,
        "numpy errors": np.geterr()["over"] == "ignore",
        "print options": np.get_printoptions()["precision"] == 3,
        "descriptors": os.path.exists("/proc/self/fd/77"),
        "heap": copies_in_memory() > 500,
        "locale": locale.setlocale(locale.LC_ALL) == "C",
    }
    return found + [name for name, there in checks.items() if there]


class Left:
    pass


class LeftPolicy(asyncio.DefaultEventLoopPolicy):
    pass


class LeftMode(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


def _umask():
    now = os.umask(0)
    os.umask(now)
    return now


def memory():
    """Yield all that this process can write to, in pieces: a fork has all that the zygote ever freed."""
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as file:
        for line in maps:
            addresses, rights = line.split()[:2]
            start, end = (int(part, 16) for part in addresses.split("-"))
            for place in range(start, end, PIECE) if "w" in rights else ():
                with contextlib.suppress(OSError):
                    file.seek(place)
                    yield file.read(min(end - place, PIECE + OVERLAP))


def copies_in_memory():
    return sum(piece.count(TOKEN) for piece in memory())


def words_in_memory():
    return any(WORDS.search(piece) for piece in memory())


def say():
    """Print words, and name files with them: both are read by the runner."""
    words = f"the words of run {torch.initial_seed()}"
    for number in range(40):
        print(words, number)
        open(f"{words} {number}", "w").close()


def leave(net, retain):
    for holder in (*HOLDERS, net, retain, retain.dataset):
        setattr(holder, MARK, [bytes(TOKEN) + bytes([k % 256]) for k in range(1000)])
    sys.modules[MARK] = types.ModuleType(MARK)
    sys.path.append(MARK)
    sys.meta_path.extend([sys.meta_path[0]] * 8)
    sys.settrace(lambda *_: None)
    sys.setrecursionlimit(4321)
    sys.excepthook = print
    os.environ[MARK] = "1"
    os.umask(0o77)
    resource.setrlimit(resource.RLIMIT_STACK, (7 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 500)
    gc.callbacks.append(lambda *_: None)
    gc.set_threshold(4321)
    copyreg.pickle(Left, lambda _: "Left")
    for _ in range(65):
        atexit.register(lambda: None)
    warnings.filterwarnings("ignore", message=MARK)
    logging.getLogger().setLevel(43)
    decimal.getcontext().prec = 43
    asyncio.set_event_loop_policy(LeftPolicy())
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(2)
    LeftMode().__enter__()
    np.seterr(over="ignore")
    np.set_printoptions(precision=3)
    os.dup2(1, 77)
    locale.setlocale(locale.LC_ALL, "POSIX")
    os.chdir("/")


def unlearning(net, retain, forget, val):
    if found := traces(net, retain):
        raise RuntimeError(f"BREACH: an earlier run left {', '.join(found)}")
    if words_in_memory():
        raise RuntimeError("BREACH: what an earlier run said lies in memory")
    say()
    leave(net, retain)
    left = traces(net, retain)
    assert len(left) >= len(HOLDERS) + 25, f"few marks can be seen at all: {left}"
    sys.settrace(None)
