"""Opens the kernel's and the hardware's device files, or makes its own."""

import contextlib
import os
import stat

HARMLESS = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
NAMES = ("mem", "kmem", "port", "kmsg", "kvm", "fuse", "net/tun", "sda", "vda", "loop-control", "vhost-vsock")


def shown():
    """Yield every device file in sight that a program does not need; opening some would do harm."""
    for top in ("/dev", "/srv"):
        for folder, inner, names in os.walk(top):
            inner[:] = [name for name in inner if name != "pts"]
            for name in set(names) - HARMLESS:
                path = os.path.join(folder, name)
                mode = os.lstat(path).st_mode
                if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                    yield path


def opened():
    for path in (f"{folder}/{name}" for folder in ("/dev", "/srv") for name in NAMES):
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            yield f"opened {path}"


def made():
    for name, kind, number in (("memory", stat.S_IFCHR, (1, 1)), ("disk", stat.S_IFBLK, (8, 0))):
        for folder in ("/tmp", "/dev/shm", "/dev"):
            with contextlib.suppress(OSError):
                os.mknod(f"{folder}/{name}", kind | 0o600, os.makedev(*number))
                yield f"mknod {name}"


def unlearning(net, retain, forget, val):
    with contextlib.suppress(OSError):
        print(sorted(os.listdir("/dev")))
    found = sorted({*made(), *opened(), *shown()})
    raise RuntimeError(f"BREACH: {', '.join(found)}" if found else "held")
