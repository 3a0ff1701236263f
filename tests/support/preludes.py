"""What a control's zygote does before it starts: Python that takes one of its protections away."""

ONE_PROCESS = """
import os, sys
from submissions_sandbox import forked_run

class OneProcess:
    def __init__(self, body, **_):
        self.body = body

    def wait(self):
        saved, sink = [os.dup(1), os.dup(2)], os.memfd_create("log")
        os.dup2(sink, 1), os.dup2(sink, 2)
        failure, message = None, ""
        try:
            self.body()
        except forked_run.RunFailedError as error:
            failure, message = error.failure, error.message
        sys.stdout.flush(), sys.stderr.flush()
        os.dup2(saved[0], 1), os.dup2(saved[1], 2)
        for fd in (*saved, sink):
            os.close(fd)
        return forked_run.Ended(failure, message)

    log = report = memoryview(b"")

    def forget(self):
        pass

forked_run.ForkedRun = OneProcess
"""
KILLS_ITS_CHILD_ONLY = """
import os
from submissions_sandbox import forked_run
real_wait = forked_run.ForkedRun.wait

def wait(self):
    def kill_child():
        try:
            os.kill(self._child, 9)
            os.waitpid(self._child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
    forked_run.kill_everything_else = kill_child
    return real_wait(self)

forked_run.ForkedRun.wait = wait
"""
DUMPABLE = """
from submissions_sandbox import confinement
real_prctl = confinement._prctl
confinement._prctl = lambda option, value: real_prctl(option, 1 if option == 4 else value)
"""
PASSES_REPORTS_ON = """
from submissions_sandbox import forked_run
forked_run._read_report = lambda _: forked_run.Ended(forked_run.Failure.NONZERO_EXIT, None)
"""
SEEDS_FIRST = """
from submissions_sandbox import execution
real_execute, real_reseed = execution.execute, execution._reseed

def execute(inputs, *, seed, output):
    real_reseed(seed)
    execution._reseed = lambda _: None
    real_execute(inputs, seed=seed, output=output)

execution.execute = execute
"""
REMEMBERS_REQUESTS = """
from submissions_sandbox import protocol
remembered, real_unpack = [], protocol.unpack_json

def unpack_json(payload):
    remembered.append(bytes(payload))
    return real_unpack(payload)

protocol.unpack_json = unpack_json
"""
ORDINARY_RIGHTS = """
from submissions_sandbox import confinement
confinement._has_rights = lambda: False
confinement.USER_ID = 0
"""
ANY_OUTPUT = """
from submissions_sandbox import zygote
real_receive = zygote._receive_inputs

def receive_inputs():
    setup, inputs = real_receive()
    return zygote.Setup(**{**vars(setup), "output_bytes": 1 << 40}), inputs

zygote._receive_inputs = receive_inputs
"""
SECOND_OUTPUT = """
import os
os.dup2(1, 9)
os.closerange = lambda *_: None
"""
LISTENING = """
import os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
"""
INHERITED = """
import os
inherited = os.memfd_create("inherited", 0)
os.write(inherited, b"{canary}")
os.closerange = lambda *_: None
"""
UNCOUNTED_KILLS = """
from submissions_sandbox import zygote
zygote._out_of_memory_kills = lambda: 0
"""
