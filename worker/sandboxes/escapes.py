"""Known ways out of containers: a host with a version that has one is for development only.

Not every one is open to a sandbox, which has no network, no rights, and an image of our own; but a host that
has missed these has missed others too.
"""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from worker.sandboxes.findings import Finding

_RELEASE = 1 << 30  # as the number of a release candidate: after all of them


class Escape(NamedTuple):
    """One way out.

    Attributes:
        component: what has it.
        cve: its number.
        what: how it goes, in a few words.
        ranges: (first version that has it, first that has not), one for each branch; "" is before all.
    """

    component: str
    cve: str
    what: str
    ranges: tuple[tuple[str, str], ...]


# Sources: the projects' advisories, github.com/opencontainers/runc/security (GHSA-gxmr-w5mj-v8hh,
# GHSA-c3xm-pvg7-gh7r, GHSA-xr7r-f8xq-vfvv, GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm),
# github.com/containerd/containerd/security (GHSA-36xw-fx78-c5r4), github.com/containers/bubblewrap/security
# (GHSA-j2qp-rvxj-43vj, CVE-2026-41163, GHSA-pxhw-h44j-8pfx), and dirtypipe.cm4all.com for the kernel.
ESCAPES = (
    Escape("runc", "CVE-2019-5736", "the host's runc is overwritten", (("", "1.0.0-rc7"),)),
    Escape("runc", "CVE-2021-30465", "mount targets are exchanged", (("", "1.0.0-rc95"),)),
    Escape("runc", "CVE-2024-21626", "a descriptor of the host leaks", (("1.0.0-rc93", "1.1.12"),)),
    *(
        Escape("runc", cve, what, (("", "1.2.8"), ("1.3.0-rc1", "1.3.3"), ("1.4.0-rc1", "1.4.0-rc3")))
        for cve, what in (
            ("CVE-2025-31133", "a masked path becomes writable"),
            ("CVE-2025-52565", "a mount on /dev/console is redirected"),
            ("CVE-2025-52881", "writes to /proc are redirected"),
        )
    ),
    Escape("containerd", "CVE-2020-15257", "its socket is open", (("", "1.3.9"), ("1.4.0", "1.4.3"))),
    Escape("bubblewrap", "CVE-2020-5291", "root by a set-uid program", (("0.4.0", "0.4.1"),)),
    Escape("bubblewrap", "CVE-2026-41163", "root by a set-uid program", (("0.11.0", "0.11.2"),)),
    Escape("bubblewrap", "CVE-2026-87766", "mount targets lead to the host", (("", "0.12.0"),)),
    Escape(
        "linux",
        "CVE-2022-0847",
        "read-only files are written to",
        (("5.8", "5.10.102"), ("5.11", "5.15.25"), ("5.16", "5.16.11")),
    ),
)


def find_escapes(component: str, version: str, *, patched: Collection[str]) -> Finding:
    """Say which known escapes a version has.

    Args:
        component: a component of `ESCAPES`.
        version: as the component itself says it.
        patched: CVE numbers that are mended here although the version says otherwise.
    """
    known = [
        f"{escape.cve} ({escape.what}; mended in {', '.join(end for _, end in escape.ranges)})"
        for escape in _that_hit(component, version)
        if escape.cve not in patched
    ]
    if not known:
        return Finding(component, True, f"{component} {version}", "development_only")
    detail = (
        f"{component} {version} has known escapes: {'; '.join(known)}. Upgrade it, or, where its package has "
        "mended them under this version, name their numbers in LETHE_SANDBOX_PATCHED"
    )
    return Finding(component, False, detail, "development_only")


def _that_hit(component: str, version: str) -> Iterator[Escape]:
    if component == "linux" and re.match(r"\d+\.\d+\.0-\d", version):
        return  # a distribution's own numbering, which does not say what was mended
    found = _parse(version)
    for escape in ESCAPES:
        if escape.component == component and any(
            _parse(first) <= found < _parse(end) for first, end in escape.ranges
        ):
            yield escape


def _parse(version: str) -> tuple[int, ...]:
    """Return numbers that order versions; one that says nothing is older than all."""
    parts = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-~.]?rc\.?(\d+))?", version)
    if parts is None:
        return (0, 0)
    major, minor, patch, candidate = parts.groups()
    return int(major), int(minor), int(patch or 0), int(candidate or _RELEASE)
