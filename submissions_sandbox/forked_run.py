"""A run as a forked child of PID 1: started, watched, and ended with everything it left behind."""

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from io import TextIOWrapper
from typing import NamedTuple, NoReturn, cast

from submissions_sandbox.offheap import OffHeap
from submissions_sandbox.outgoing import Outgoing
from submissions_sandbox.protocol import Failure

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_TICK_MS = 100  # how late an end without a report is noticed
_MAX_REPORT_BYTES = 1 << 16  # the worker takes no longer FAILED frame
_MAX_MESSAGE_CHARACTERS = 2000  # JSON makes 12 bytes of some of them
_REPORT_END = b"\n"
_SUCCESS = b"{}" + _REPORT_END


class RunFailedError(Exception):
    """The run returned no weights; the message is for the participant."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure
        self.message = message


class Ended(NamedTuple):
    """How a run ended.

    Attributes:
        failure: None if the run says that it has written its weights.
        message: why it failed; None where its own report says that, which PID 1 passes on unread.
    """

    failure: Failure | None
    message: str | None


class ForkedRun:
    """One child process and all its descendants."""

    def __init__(self, body: Callable[[], None], *, run_s: float, log_bytes: int, outgoing: Outgoing) -> None:
        """Fork, and run `body` in the child; it may raise `RunFailedError`.

        The weights of the run before that are still `outgoing` are sent meanwhile.
        """
        self._run_s = run_s
        self._log_bytes = log_bytes
        self._outgoing = outgoing
        self._printed, printed_end = os.pipe()
        self._reported, report_end = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.close(self._printed)
            os.close(self._reported)
            outgoing.forget()
            _run_in_child(body, printed_end=printed_end, report_end=report_end)
        os.close(printed_end)
        os.close(report_end)
        for pipe in (self._printed, self._reported):
            os.set_blocking(pipe, False)  # even dead, a run may hold on to the other end for a moment
        self._log = OffHeap(log_bytes + 1)  # more than may come, to see that more comes
        self._report = OffHeap(_MAX_REPORT_BYTES + 1)
        self._exit_status = 0

    @property
    def log(self) -> memoryview:
        """What the run printed, as far as it may; let go of it before `forget`."""
        return self._log.view()[: self._log_bytes]

    @property
    def report(self) -> memoryview:
        """The payload of a FAILED frame, for a run that ended without a message; as for `log`."""
        return self._report.view()

    def forget(self) -> None:
        """Let go of all that the run said, before another is forked."""
        self._log.forget()
        self._report.forget()

    def wait(self) -> Ended:
        """Wait for the run's end or for its limits, then kill everything that it started."""
        in_time = self._watch()
        kill_everything_else()
        while self._log.fill(self._printed):
            pass
        while self._report.fill(self._reported):
            pass
        os.close(self._printed)
        os.close(self._reported)
        if len(self._log) > self._log_bytes:
            return Ended(Failure.LOG_LIMIT, f"the run printed more than {self._log_bytes} bytes")
        if not in_time:
            return Ended(Failure.TIMEOUT, f"the run took more than {self._run_s:g} seconds")
        if not self._report:
            return Ended(Failure.NONZERO_EXIT, _describe(self._exit_status))
        return _read_report(self.report)

    def _watch(self) -> bool:
        """Collect what the run prints and reports until it ends or floods; False if time runs out."""
        deadline = time.monotonic() + self._run_s
        poller = select.poll()
        pipes = {self._printed: self._log, self._reported: self._report}
        for fd in (_STDIN, *pipes):
            poller.register(fd, select.POLLIN)
        if self._outgoing:
            poller.register(_STDOUT, select.POLLOUT)
        while not self._has_exited():
            for fd, _ in poller.poll(_TICK_MS):
                if fd == _STDIN:  # the worker is gone, or speaks out of turn
                    os._exit(0)
                if not (self._send() if fd == _STDOUT else pipes[fd].fill(fd)):
                    poller.unregister(fd)
            if self.report[-1:] == _REPORT_END or len(self._report) > _MAX_REPORT_BYTES:
                return True
            if len(self._log) > self._log_bytes:
                return True
            if time.monotonic() > deadline:
                return False
        return True

    def _has_exited(self) -> bool:
        pid, status = os.waitpid(self._child, os.WNOHANG)
        self._exit_status = status
        return pid != 0

    def _send(self) -> bool:
        self._outgoing.send_some()
        return bool(self._outgoing)


def kill_everything_else() -> None:
    """Kill every other process of this PID namespace and wait until all are gone.

    Raises:
        RuntimeError: this process is not PID 1; on a host it would kill all of its user's processes.
    """
    if os.getpid() != 1:
        raise RuntimeError("only PID 1 of a sandbox may kill everything else")
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        os.waitpid(-1, 0)  # orphans become children of PID 1


def _run_in_child(body: Callable[[], None], *, printed_end: int, report_end: int) -> NoReturn:
    exit_status = 1
    try:
        os.setsid()
        os.close(_STDIN)
        os.open(os.devnull, os.O_RDONLY)  # takes the lowest number, standard input's
        os.dup2(printed_end, _STDOUT)
        os.dup2(printed_end, _STDERR)
        os.close(printed_end)
        cast("TextIOWrapper", sys.stdout).reconfigure(line_buffering=True, errors="backslashreplace")
        report: dict[str, str] = {}
        try:
            body()
        except RunFailedError as error:
            report = {"failure": error.failure, "message": error.message[:_MAX_MESSAGE_CHARACTERS]}
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(report_end, json.dumps(report).encode() + _REPORT_END)
        exit_status = 0
    except BaseException:  # noqa: BLE001  # nothing of this process may reach PID 1's own code
        traceback.print_exc()
    finally:
        os._exit(exit_status)


def _read_report(report: memoryview) -> Ended:
    """Look only at how a report begins: to parse it would leave its words in this process's heap."""
    if report == _SUCCESS:
        return Ended(None, "")
    if len(report) <= _MAX_REPORT_BYTES:
        for failure in Failure:
            beginning = f'{{"failure": "{failure}", '.encode()
            if report[: len(beginning)] == beginning:
                return Ended(failure, None)
    return Ended(Failure.INVALID_OUTPUT, "the run wrote over the channel of its runner")


def _describe(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"the process ended with exit status {code} before unlearning returned"
    return f"the process was killed by {signal.Signals(-code).name} before unlearning returned"
