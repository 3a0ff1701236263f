"""What the zygote gives up for good, before it reads anything, and each run's own limits."""

import ctypes
import os
import resource
import signal

from submissions_sandbox import scratch, seccomp

USER_ID = 65532  # also the group; the usual "nonroot" of container images

CORE_BYTES = 1
"""The limit on core dumps. Where dumps go to a program, the kernel takes 0 for no limit and 1 for "never"
(do_coredump, later coredump_pipe, in its fs/coredump.c); a file of one byte it does not write either."""

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_LAST_CAPABILITY = 63  # the kernel numbers them in 64 bits, and today's in 41
_CAPABILITY_VERSION_3 = 0x20080522
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 2, 4, 8, 32


def confine() -> None:
    """Make this process an ordinary one that can neither gain rights nor be looked into.

    Raises:
        OSError: the kernel refused a step; nothing untrusted may run then.
        RuntimeError: the process is neither root nor the sandbox's user.
    """
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    if _has_rights():  # lent by bubblewrap; an engine does all this before we start
        _limit_files()
        _give_up_rights()
    if os.getresuid() != (USER_ID,) * 3 or os.getresgid() != (USER_ID,) * 3:
        raise RuntimeError(f"the sandbox runs as {os.getresuid()}, not as {USER_ID}")
    _forbid_core_dumps()
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # changing the user cleared what bubblewrap had set
    hides_gpus = os.environ.get("CUDA_VISIBLE_DEVICES") == ""
    seccomp.install("cpu" if hides_gpus else "cuda")
    # A process with the same user may otherwise open /proc/1/mem and /proc/1/fd.
    _prctl(_PR_SET_DUMPABLE, 0)
    # PID 1 ignores every signal from its namespace that has no handler; Python installs this one.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _has_rights() -> bool:
    with open("/proc/self/status") as status:
        return any(int(line.split()[1], 16) for line in status if line.startswith("CapEff:"))


def _limit_files() -> None:
    """Cap the number of files in the folders that a run may write to; bubblewrap caps their size only."""
    options = f"nr_inodes={scratch.MAX_FILES}".encode()
    for folder, more in ((scratch.FOLDER, 0), (scratch.SHARED_MEMORY, _MS_NOEXEC)):
        flags = _MS_REMOUNT | _MS_NOSUID | _MS_NODEV | more
        if _LIBC.mount(b"tmpfs", folder.encode(), None, ctypes.c_ulong(flags), options) != 0:
            raise OSError(ctypes.get_errno(), f"the files in {folder} could not be limited")


def _give_up_rights() -> None:
    for capability in range(_LAST_CAPABILITY + 1):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails harmlessly for one the kernel lacks
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(USER_ID, USER_ID, USER_ID)
        os.setresuid(USER_ID, USER_ID, USER_ID)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _LIBC.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")


def _forbid_core_dumps() -> None:
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    limit = CORE_BYTES if most == resource.RLIM_INFINITY else min(most, CORE_BYTES)
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def limit_run(*, memory_bytes: int, file_bytes: int, open_files: int) -> None:
    """Hold this process, and what it forks, to a run's limits, and let it look into itself again."""
    for kind, value in (
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
    ):
        resource.setrlimit(kind, (value, value))
    _prctl(_PR_SET_DUMPABLE, 1)  # else /proc/self belongs to root
    with open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out the run must die, not the zygote


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option} failed")
