"""The system calls that a sandbox may make: all others are refused."""

from typing import Literal, NamedTuple

Device = Literal["cpu", "cuda"]
MACHINES = ("x86_64", "aarch64")
"""Whose numbers are known here, by the words of `platform.machine()`, in the order of the table's columns."""

CLONE3 = (435, 435)
"""Its flags lie in memory, out of a filter's sight: it is said not to exist, and callers go back to clone."""

NEWEST = 469
"""The last call that was judged here (Linux 6.18). Of a later one it is said that it does not exist, as an
older kernel would, so that callers fall back."""

# From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
# name: (number on x86_64, number on aarch64)
# fmt: off
ALLOWED: dict[str, tuple[int | None, int | None]] = {
    # files and folders
    "open": (2, None), "openat": (257, 56), "creat": (85, None), "close": (3, 57),
    "close_range": (436, 436), "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66),
    "pread64": (17, 67), "pwrite64": (18, 68), "preadv": (295, 69), "pwritev": (296, 70),
    "lseek": (8, 62), "sendfile": (40, 71),
    "copy_file_range": (326, 285), "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None),
    "utimes": (235, None), "utimensat": (280, 88), "futimesat": (261, None), "umask": (95, 166),
    "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47),
    "fsync": (74, 82), "fdatasync": (75, 83), "flock": (73, 32), "dup": (32, 23), "dup2": (33, None),
    "dup3": (292, 24),
    "getdents": (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49),
    "fchdir": (81, 50), "mkdir": (83, None), "mkdirat": (258, 34), "mknod": (133, None), "mknodat": (259, 33),
    "rmdir": (84, None), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "link": (86, None), "linkat": (265, 37), "unlink": (87, None), "unlinkat": (263, 35),
    "symlink": (88, None), "symlinkat": (266, 36), "readlink": (89, None), "readlinkat": (267, 78),
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "getxattrat": (464, 464),
    "listxattr": (194, 11), "llistxattr": (195, 12), "flistxattr": (196, 13), "listxattrat": (465, 465),
    # memory
    "brk": (12, 214), "munmap": (11, 215), "mprotect": (10, 226), "mremap": (25, 216),
    "msync": (26, 227), "mlock": (149, 228), "mlock2": (325, 284),
    "mlockall": (151, 230), "munlock": (150, 229), "munlockall": (152, 231), "membarrier": (324, 283),
    "get_mempolicy": (239, 236), "map_shadow_stack": (453, 453), "mseal": (462, 462),
    # pipes and waiting
    "pipe": (22, None), "pipe2": (293, 59), "poll": (7, None), "ppoll": (271, 73), "select": (23, None),
    "pselect6": (270, 72), "epoll_create": (213, None), "epoll_create1": (291, 20), "epoll_ctl": (233, 21),
    "epoll_wait": (232, None), "epoll_pwait": (281, 22), "epoll_pwait2": (441, 441), "eventfd": (284, None),
    "eventfd2": (290, 19), "signalfd": (282, None), "signalfd4": (289, 74), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87),
    # sockets, which are of one family only
    "connect": (42, 203), "accept": (43, 202), "accept4": (288, 242), "bind": (49, 200), "listen": (50, 201),
    "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205), "getsockopt": (55, 209),
    # processes and threads
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281), "exit": (60, 93),
    "exit_group": (231, 94), "wait4": (61, 260), "waitid": (247, 95), "getpid": (39, 172),
    "getppid": (110, 173), "gettid": (186, 178), "getpgid": (121, 155), "getpgrp": (111, None),
    "getsid": (124, 156), "setpgid": (109, 154), "setsid": (112, 157), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getresuid": (118, 148),
    "getresgid": (120, 150), "getgroups": (115, 158), "capget": (125, 90), "set_tid_address": (218, 96),
    "set_robust_list": (273, 99), "rseq": (334, 293), "arch_prctl": (158, None), "futex": (202, 98),
    "futex_waitv": (449, 449), "futex_wake": (454, 454), "futex_wait": (455, 455),
    "futex_requeue": (456, 456), "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424),
    "getrlimit": (97, 163), "setrlimit": (160, 164), "getrusage": (98, 165), "getpriority": (140, 141),
    "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "sched_getattr": (315, 275), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "sched_rr_get_interval": (148, 127), "getcpu": (309, 168),
    # signals
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "pause": (34, None),
    "restart_syscall": (219, 128), "sigaltstack": (131, 132), "rt_sigaction": (13, 134),
    "rt_sigpending": (127, 136), "rt_sigprocmask": (14, 135), "rt_sigqueueinfo": (129, 138),
    "rt_sigreturn": (15, 139), "rt_sigsuspend": (130, 133), "rt_sigtimedwait": (128, 137),
    "rt_tgsigqueueinfo": (297, 240),
    # clocks
    "time": (201, None), "times": (100, 153), "gettimeofday": (96, 169), "clock_gettime": (228, 113),
    "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "alarm": (37, None),
    "getitimer": (36, 102), "setitimer": (38, 103), "timer_create": (222, 107), "timer_settime": (223, 110),
    "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111),
    # the machine
    "uname": (63, 160), "sysinfo": (99, 179), "getrandom": (318, 278),
    # only as RESTRICTED says
    "socket": (41, 198), "socketpair": (53, 199), "setsockopt": (54, 208), "sendto": (44, 206),
    "sendmsg": (46, 211), "sendmmsg": (307, 269), "recvfrom": (45, 207), "recvmsg": (47, 212),
    "recvmmsg": (299, 243), "clone": (56, 220), "mmap": (9, 222), "memfd_create": (319, 279),
    "prctl": (157, 167), "ioctl": (16, 29), "prlimit64": (302, 261), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "preadv2": (327, 286), "pwritev2": (328, 287), "fadvise64": (221, 223),
    "madvise": (28, 233), "fcntl": (72, 25),
}
# fmt: on
# Not: what asks whether a file is in the kernel's memory, or takes it out of there. Those of the runtime are
# shared by all sandboxes, which could so leave each other notes: mincore, cachestat, readahead,
# sync_file_range, openat2 (RESOLVE_CACHED).


class Condition(NamedTuple):
    """What an argument must be: its low 32 bits, as far as `mask` shows them, are `value`.

    The upper half is of no matter: the kernel takes these arguments as 32-bit numbers, or has no flag there.
    """

    argument: int
    mask: int
    value: int


Alternatives = tuple[tuple[Condition, ...], ...]
"""A call is allowed if all conditions of any one alternative hold."""

_WHOLE = 0xFFFFFFFF


def _one_of(argument: int, *values: int) -> Alternatives:
    return tuple((Condition(argument, _WHOLE, value),) for value in values)


def _without(argument: int, flags: int) -> Alternatives:
    return ((Condition(argument, flags, 0),),)


_AF_UNIX = _SOL_SOCKET = 1
_MSG_OOB = 0x1  # on a unix socket nobody needs it, and it let a process into the kernel (CVE-2025-38236)
_SOCKET_OPTIONS = (2, 7, 8, 9, 16, 20, 21)  # SO_REUSEADDR, buffers, SO_KEEPALIVE, SO_PASSCRED, timeouts
_NEW_NAMESPACE = 0x7E020000  # CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_MAP_HUGETLB, _MFD_HUGETLB = 0x40000, 0x4  # the machine's huge pages do not count as the sandbox's memory

# Not: PR_SET_MM, PR_SET_PTRACER, PR_SET_CHILD_SUBREAPER, PR_SET_SECUREBITS, PR_CAP_AMBIENT, PR_SET_TSC,
# PR_SET_SPECULATION_CTRL, PR_SCHED_CORE, PR_SET_IO_FLUSHER and what else there is.
_PRCTL_OPTIONS = (
    *(1, 2),  # the signal at the parent's death
    *(3, 4),  # dumpable
    *(15, 16),  # the thread's name
    *(21, 22),  # seccomp: another filter on top of this one
    23,  # is a capability in the bounding set
    *(29, 30),  # timer slack
    *(38, 39),  # no new privileges
    *(41, 42),  # huge pages off
    51,  # length of aarch64's vectors
    0x53564D41,  # PR_SET_VMA: names for memory
)
_IOCTLS = (
    *(0x5401, 0x802C542A, 0x5413),  # TCGETS, TCGETS2, TIOCGWINSZ: is this a terminal, and how wide
    *(0x541B, 0x5421, 0x5450, 0x5451, 0x5452),  # FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FIOASYNC
)
_FCNTLS = (
    *(0, 1, 2, 3, 4, 1030),  # duplicates and flags
    *(5, 6, 7, 36, 37, 38),  # locks
    *(8, 9, 10, 11, 15, 16),  # whom to signal
    *(1031, 1032, 1033, 1034),  # sizes of pipes; seals
)
"""Not: F_NOTIFY, leases and write hints, which reach through a shared file to other sandboxes."""
_FADVICES = (0, 1, 2, 3, 5)  # not DONTNEED, which takes a file out of the page cache
_MADVICES = (
    *(0, 1, 2, 3),  # how it will be read
    *(4, 8),  # DONTNEED and FREE, of this process's pages only
    *(10, 11, 16, 17, 18, 19),  # what forks and core dumps get
    *(14, 15),  # huge pages or not
    *(22, 23),  # POPULATE
    *(102, 103),  # guard pages, as newer C libraries use them
)
"""Not: COLD, PAGEOUT and COLLAPSE, which change the page cache; MERGEABLE, which tells of others' memory."""
# NVIDIA's driver (open-gpu-kernel-modules: nv-ioctl-numbers.h, uvm_linux_ioctl.h) numbers its requests by the
# letter F, and those of its memory manager 0 to 255; UVM_INITIALIZE and UVM_DEINITIALIZE stand apart.
_NVIDIA_IOCTLS: Alternatives = (
    (Condition(1, 0xFF00, 0x4600),),
    (Condition(1, 0xFFFFFF00, 0),),
    *_one_of(1, 0x30000001, 0x30000002),
)


def restricted(device: Device) -> dict[str, Alternatives]:
    """Return the calls of `ALLOWED` that are allowed with some arguments only."""
    own = _one_of(0, 0)  # the caller itself: the settings of PID 1 would reach the next run
    ioctls = _one_of(1, *_IOCTLS)
    return {
        "mmap": _without(3, _MAP_HUGETLB),
        "ioctl": ioctls + _NVIDIA_IOCTLS if device == "cuda" else ioctls,
        "fcntl": _one_of(1, *_FCNTLS),
        "fadvise64": _one_of(3, *_FADVICES),
        "madvise": _one_of(2, *_MADVICES),
        "preadv2": _one_of(5, 0),  # RWF_NOWAIT asks whether the file is in the page cache
        "pwritev2": _one_of(5, 0),
        "clone": _without(0, _NEW_NAMESPACE),
        "prctl": _one_of(0, *_PRCTL_OPTIONS),
        "memfd_create": _without(1, _MFD_HUGETLB),
        "socket": _one_of(0, _AF_UNIX),
        "socketpair": _one_of(0, _AF_UNIX),
        "setsockopt": tuple(
            (Condition(1, _WHOLE, _SOL_SOCKET), Condition(2, _WHOLE, option)) for option in _SOCKET_OPTIONS
        ),
        "sendto": _without(3, _MSG_OOB),
        "sendmsg": _without(2, _MSG_OOB),
        "sendmmsg": _without(3, _MSG_OOB),
        "recvfrom": _without(3, _MSG_OOB),
        "recvmsg": _without(2, _MSG_OOB),
        "recvmmsg": _without(3, _MSG_OOB),
        "prlimit64": own,
        "sched_setaffinity": own,
        "sched_setparam": own,
        "sched_setscheduler": own,
        "sched_setattr": own,
        "setpriority": ((Condition(0, _WHOLE, 0), Condition(1, _WHOLE, 0)),),
    }
