"""What an examination finds: whether the machine keeps a promise, and if not, what to do."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from core.errors import SandboxUnavailableError

Severity = Literal["void", "development_only"]
Mode = Literal["development", "production"]


class Finding(NamedTuple):
    """One property of the machine that a promise rests on.

    Attributes:
        name: the property, in one word.
        holds: whether it is as it must be.
        detail: what was found; if it does not hold, also what follows and what to do.
        severity: if it does not hold: no sandbox is opened ("void"), or only in development.
    """

    name: str
    holds: bool
    detail: str
    severity: Severity


def failing(findings: Iterable[Finding], mode: Mode) -> list[Finding]:
    """Return those because of which no work may be taken in this mode."""
    return [f for f in findings if not f.holds and (mode == "production" or f.severity == "void")]


def refuse(findings: Iterable[Finding], mode: Mode) -> None:
    """Refuse a machine that does not keep the sandbox's promises.

    Raises:
        SandboxUnavailableError: some finding does not hold; the message gives each one's reason and remedy.
    """
    if reasons := failing(findings, mode):
        raise SandboxUnavailableError("; ".join(f"{finding.name}: {finding.detail}" for finding in reasons))
