"""Makes the calls that reach into other processes or into rarely used parts of the kernel."""

import ctypes
import os
import platform

LIBC = ctypes.CDLL(None, use_errno=True)
COLUMN = ("x86_64", "aarch64").index(platform.machine())
BUFFER = ctypes.create_string_buffer(4096)
NOTHING = ctypes.c_void_p(0)
CALLS = {  # with arguments that work, or that the kernel must look at to refuse
    "ptrace": ((101, 117), (0, 0, 0, 0)),  # PTRACE_TRACEME
    "process_vm_readv": ((310, 270), (-1, BUFFER, 1, BUFFER, 1, 0)),
    "process_vm_writev": ((311, 271), (-1, BUFFER, 1, BUFFER, 1, 0)),
    "process_madvise": ((440, 440), (-1, BUFFER, 1, 0, 0)),
    "pidfd_getfd": ((438, 438), (-1, 0, 0)),
    "kcmp": ((312, 272), (1, 1, 0, 0, 0)),
    "io_uring_setup": ((425, 425), (8, BUFFER)),
    "io_uring_enter": ((426, 426), (-1, 0, 0, 0, 0, 0)),
    "io_uring_register": ((427, 427), (-1, 0, 0, 0)),
    "bpf": ((321, 280), (0, BUFFER, 0)),
    "perf_event_open": ((298, 241), (BUFFER, 0, -1, -1, 0)),
    "userfaultfd": ((323, 282), (1,)),  # for user mode only, which needs no right
    "add_key": ((248, 217), (b"user", b"lethe", b"kept", 4, -3)),
    "request_key": ((249, 218), (b"user", b"lethe", 0, 0)),
    "keyctl": ((250, 219), (0, -3, 1)),
    "kexec_load": ((246, 104), (0, 0, 0, 0)),
    "kexec_file_load": ((320, 294), (-1, -1, 0, 0, 0)),
    "init_module": ((175, 105), (BUFFER, 0, b"")),
    "finit_module": ((313, 273), (-1, b"", 0)),
    "delete_module": ((176, 106), (b"lethe", 0)),
    "shmget": ((29, 194), (0, 4096, 0o1600)),
    "semget": ((64, 190), (0, 1, 0o1600)),
    "msgget": ((68, 186), (0, 0o1600)),
    "mq_open": ((240, 180), (b"lethe", 0o102, 0o600, 0)),
    "acct": ((163, 89), (b"/tmp/none",)),
    "syslog": ((103, 116), (3, BUFFER, 100)),
    "fanotify_init": ((300, 262), (0, 0)),
    "setpriority": ((141, 140), (0, 1, 1)),
    "ioprio_set": ((251, 30), (1, 1, 0)),
}
REFUSALS = {1, 13, 38}  # EPERM, EACCES, ENOSYS: anything else means that the kernel looked at the arguments


def try_call(name):
    numbers, arguments = CALLS[name]
    ctypes.set_errno(0)
    result = LIBC.syscall(numbers[COLUMN], *arguments)
    return result >= 0 or ctypes.get_errno() not in REFUSALS


def in_child(act):
    """Say whether `act` succeeds; in a child, for a filter may kill."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(7 if act() else 0)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def unlearning(net, retain, forget, val):
    found = [name for name in CALLS if in_child(lambda name=name: try_call(name))]
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else f"held {len(CALLS)} times")
