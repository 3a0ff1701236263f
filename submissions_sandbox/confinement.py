"""What the zygote gives up for good, before it reads anything, and each run's own limits."""

import ctypes
import os
import resource
import signal

from submissions_sandbox import seccomp

USER_ID = 65532  # also the group; the usual "nonroot" of container images

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LAST_CAPABILITY = 40
_CAPABILITY_VERSION_3 = 0x20080522


def confine() -> None:
    """Make this process an ordinary one that can neither gain rights nor be looked into.

    Raises:
        OSError: the kernel refused a step; nothing untrusted may run then.
        RuntimeError: the process is neither root nor the sandbox's user.
    """
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if os.getuid() == 0:  # bubblewrap started by root: it needed the mounts, we need nothing
        _leave_root()
    if os.getresuid() != (USER_ID,) * 3 or os.getresgid() != (USER_ID,) * 3:
        raise RuntimeError(f"the sandbox runs as {os.getresuid()}, not as {USER_ID}")
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # changing the user cleared what bubblewrap had set
    seccomp.install()
    # A process with the same user may otherwise open /proc/1/mem and /proc/1/fd.
    _prctl(_PR_SET_DUMPABLE, 0)
    # PID 1 ignores every signal from its namespace that has no handler; Python installs this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _leave_root() -> None:
    for capability in range(_LAST_CAPABILITY + 1):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails harmlessly for one the kernel lacks
    os.setgroups([])
    os.setresgid(USER_ID, USER_ID, USER_ID)
    os.setresuid(USER_ID, USER_ID, USER_ID)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")


def limit_run(*, memory_bytes: int, file_bytes: int, open_files: int) -> None:
    """Hold this process, and what it forks, to a run's limits, and let it look into itself again."""
    for kind, value in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    _prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out the run must die, not the zygote


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")
