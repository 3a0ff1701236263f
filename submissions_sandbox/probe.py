"""What a worker's self-test looks for from inside a sandbox, as a submission would."""

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from submissions_sandbox.probes import Expected, Probe, files, identity, kernel, limits, network


def digest() -> str:
    """Return a hash of this package's code: worker and sandbox must hold the same."""
    folder = Path(__file__).parent
    code = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        code.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return code.hexdigest()


def _code(expected: Expected) -> Iterator[str]:
    if digest() != expected.digest:
        yield "it holds another version of submissions_sandbox: build the image anew"


FIRST_RUN = (
    Probe("code", "to run other code than the worker's", _code),
    *identity.PROBES,
    *kernel.PROBES,
    *network.PROBES,
    *files.PROBES,
    *limits.PROBES,
)
SECOND_RUN = files.IN_NEXT_RUN
ALL = (*FIRST_RUN, *SECOND_RUN)


def run(expected: Expected, *, is_first: bool) -> None:
    """Try everything that belongs to the first or to the second run, and print a line of JSON for each.

    The first run leaves traces at its end, for the second to look for.
    """
    for probe in FIRST_RUN if is_first else SECOND_RUN:
        line = {"name": probe.name, "leaks": _leaks(probe, expected)}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    if is_first:
        files.plant()


def _leaks(probe: Probe, expected: Expected) -> list[str]:
    found: list[str] = []
    try:
        found.extend(probe.look(expected))
    except Exception as error:  # noqa: BLE001  # a probe that cannot look has not seen that anything holds
        found.append(f"it could not be tried: {type(error).__name__}: {error}")
    return found
