"""PID 1 of a sandbox: loads torch and the inputs once, forks once per run, and answers the worker."""

import gc
import os
import select
import time
from typing import Any, BinaryIO, NoReturn, cast

import torch
from safetensors.torch import load

from submissions_sandbox import architectures, scratch
from submissions_sandbox.confinement import limit_run
from submissions_sandbox.execution import Inputs, execute, rehearse
from submissions_sandbox.forked_run import Ended, ForkedRun
from submissions_sandbox.loaders import loaders_from_bytes
from submissions_sandbox.outgoing import Outgoing
from submissions_sandbox.protocol import (
    EndOfStreamError,
    Failure,
    Kind,
    Setup,
    pack_header,
    pack_json,
    read_frame,
    unpack_json,
)

_STDIN, _STDOUT = 0, 1
_WIPE_S = 10.0
_MAX_PROBLEM_BYTES = 2000
_MAX_FROM_WORKER = 1 << 40  # the worker is trusted and has caps of its own
_KILL_COUNTERS = (  # of this sandbox's own cgroup, version 2 or 1, where it is mounted
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
)


def serve() -> None:
    """Answer the worker until it closes the stream."""
    torch.set_num_threads(1)  # a process that has run on several threads cannot safely be forked
    torch.optim.SGD([torch.zeros(1)])  # the first optimizer imports 800 modules: here, and not in every run
    os.set_blocking(_STDOUT, False)
    outgoing = Outgoing(_STDOUT)
    try:
        setup, inputs = _receive_inputs()
        _send(pack_header(Kind.READY, 0))
        while True:
            _wait_for_request(outgoing)
            run = unpack_json(_receive(Kind.RUN))
            _serve_run(setup, inputs, seed=cast("int", run["seed"]), outgoing=outgoing)
    except (EndOfStreamError, BrokenPipeError):
        os._exit(0)


def _receive_inputs() -> tuple[Setup, Inputs]:
    setup = Setup(**cast("dict[str, Any]", unpack_json(_receive(Kind.SETUP))))
    architecture = architectures.Architecture.from_dict(setup.architecture)
    net = architectures.build(architecture)
    net.load_state_dict(load(_receive(Kind.ORIGINAL)))
    loaders = loaders_from_bytes(_receive(Kind.DATA))
    source = _receive(Kind.SOURCE)
    # With all read, so that the worker does not meet a closed stream before it hears of this.
    if setup.device != "cpu" and not _forked_child_finds_gpu():
        raise RuntimeError("the sandbox was given no GPU that torch can use")
    specs = architectures.tensor_specs(architecture)
    inputs = Inputs(net.eval(), loaders, source, specs, setup.device)
    rehearse(inputs)
    # Of torch's own folders; only the first run would find them.
    scratch.wipe(deadline=time.monotonic() + _WIPE_S)
    gc.collect()
    gc.freeze()  # a collection in a child would otherwise copy every page it looks at
    return setup, inputs


def _forked_child_finds_gpu() -> bool:
    child = os.fork()  # to ask initializes CUDA, which no later fork would survive
    if child == 0:
        os._exit(0 if torch.cuda.is_available() else 1)
    return os.waitpid(child, 0)[1] == 0


def _serve_run(setup: Setup, inputs: Inputs, *, seed: int, outgoing: Outgoing) -> None:
    """Run once and answer; the weights are left `outgoing` when nothing else of the run is left."""
    kills_before = _out_of_memory_kills()
    with os.fdopen(os.memfd_create("weights"), "wb", buffering=0) as output:
        run = ForkedRun(
            lambda: _run_submission(setup, inputs, seed=seed, output=output),
            run_s=setup.run_s,
            log_bytes=setup.log_bytes,
            outgoing=outgoing,
        )
        ended = run.wait()
        if ended.failure is Failure.NONZERO_EXIT and _out_of_memory_kills() > kills_before:
            ended = Ended(Failure.OUT_OF_MEMORY, "the run used more memory than it may")
        size = output.seek(0, os.SEEK_END)  # and not all of its state: the run may have set its times
        if ended.failure is None and size > setup.output_bytes:
            message = f"the weights have {size} bytes; at most {setup.output_bytes} may come"
            ended = Ended(Failure.INVALID_OUTPUT, message)
        problem = _wipe_scratch()
        if ended.failure is None and problem:
            message = f"what the run left in its folders cannot be removed: {problem}"
            ended = Ended(Failure.NONZERO_EXIT, message)
        _answer(run, ended, output=output.fileno(), outgoing=outgoing)
        if problem:
            os._exit(1)  # no other run may start among the traces of this one
        run.forget()


def _answer(run: ForkedRun, ended: Ended, *, output: int, outgoing: Outgoing) -> None:
    while outgoing:
        _poll_stdout()
        outgoing.send_some()
    _send(pack_header(Kind.LOG, len(run.log)))
    _send(run.log)
    if ended.failure is None:
        _send(pack_header(Kind.WEIGHTS, os.lseek(output, 0, os.SEEK_END)))
        outgoing.take(os.dup(output))
    elif ended.message is None:
        _send(pack_header(Kind.FAILED, len(run.report)))
        _send(run.report)
    else:
        _send(pack_json(Kind.FAILED, {"failure": ended.failure, "message": ended.message}))


def _wipe_scratch() -> str:
    """Delete everything that a run can have written; return why it cannot be done, or nothing.

    In a child, because the names of files are the run's own words: whoever lists them has them in its heap.
    """
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        _wipe_in_child(says)
    os.close(says)
    with os.fdopen(hears, errors="replace") as said:
        problem = said.read()  # nothing, unless this process is about to end
    status = os.waitpid(child, 0)[1]
    return problem or ("" if status == 0 else "the attempt was ended")


def _wipe_in_child(says: int) -> NoReturn:
    exit_status = 1
    try:
        scratch.wipe(deadline=time.monotonic() + _WIPE_S)
        exit_status = 0
    except OSError as error:
        os.write(says, str(error).encode(errors="replace")[:_MAX_PROBLEM_BYTES])
    finally:
        os._exit(exit_status)


def _run_submission(setup: Setup, inputs: Inputs, *, seed: int, output: BinaryIO) -> None:
    limit_run(memory_bytes=setup.memory_bytes, file_bytes=setup.file_bytes, open_files=setup.open_files)
    os.chdir(scratch.FOLDER)
    execute(inputs, seed=seed, output=output)


def _wait_for_request(outgoing: Outgoing) -> None:
    """Send what is outgoing until the worker asks for the next run, or is gone."""
    poller = select.poll()
    poller.register(_STDIN, select.POLLIN)
    poller.register(_STDOUT, select.POLLOUT)
    while outgoing:
        if any(fd == _STDIN for fd, _ in poller.poll()):
            return
        outgoing.send_some()


def _poll_stdout() -> None:
    poller = select.poll()
    poller.register(_STDOUT, select.POLLOUT)
    poller.poll()


def _receive(kind: Kind) -> bytes:
    return read_frame(lambda view: os.readv(_STDIN, [view]), {kind: _MAX_FROM_WORKER}).payload


def _send(data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        _poll_stdout()
        view = view[os.write(_STDOUT, view) :]


def _out_of_memory_kills() -> int:
    """Return how many processes of the sandbox the kernel has killed for memory; 0 if it does not say."""
    for path in _KILL_COUNTERS:
        if os.path.exists(path):
            with open(path) as counters:
                words = (line.split() for line in counters)
                return next((int(word[1]) for word in words if word[0] == "oom_kill"), 0)
    return 0
