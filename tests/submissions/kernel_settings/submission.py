"""Opens the kernel's switches for writing, but writes nothing to them."""

import contextlib
import os
import stat

SWITCHES = [
    "sys/kernel/core_pattern",
    "sys/kernel/modprobe",
    "sys/kernel/yama/ptrace_scope",
    "sys/kernel/hostname",
    "sys/vm/overcommit_memory",
    "sys/vm/drop_caches",
    "sys/fs/binfmt_misc/register",
    "sys/net/ipv4/ip_forward",
    "sysrq-trigger",
    "kcore",
    "kmsg",
    "timer_list",
    "sched_debug",
    "keys",
    "acpi/wakeup",
    "scsi/scsi",
    "latency_stats",
    "irq/0/smp_affinity",
]
ELSEWHERE = [
    "/sys/kernel/uevent_helper",
    "/sys/kernel/security/apparmor/profiles",
    "/sys/kernel/debug/sched",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/power/state",
    "/sys/firmware/efi/efivars",
    "/sys/fs/bpf/x",
]
CGROUP = (
    "release_agent",
    "notify_on_release",
    "cgroup.procs",
    "tasks",
    "memory.max",
    "memory.limit_in_bytes",
)
READ = {"kcore", "kmsg"}


def proc_mounts():
    with open("/proc/self/mounts") as mounts:
        fields = [line.split() for line in mounts]
    return [field[1] for field in fields if field[2] == "proc" and field[1].count("/") == 1]


def paths():
    for proc in proc_mounts():
        for name in SWITCHES:
            yield f"{proc}/{name}", os.O_RDONLY | os.O_NONBLOCK if name in READ else os.O_WRONLY
    for path in ELSEWHERE:
        yield path, os.O_WRONLY
    for folder, _, names in os.walk("/sys/fs/cgroup"):
        for name in {*CGROUP} & {*names}:
            yield os.path.join(folder, name), os.O_WRONLY


def opened():
    for path, mode in paths():
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.stat(path).st_mode):
                continue  # Docker lays the null device over what it hides
            os.close(os.open(path, mode))
            yield path


def made():
    for folder in (
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/pids",
        "/sys/fs/cgroup/unified",
    ):
        with contextlib.suppress(OSError):
            os.mkdir(f"{folder}/lethe-attack")
            os.rmdir(f"{folder}/lethe-attack")
            yield f"a cgroup in {folder}"


def unlearning(net, retain, forget, val):
    found = [*opened(), *made()]
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
