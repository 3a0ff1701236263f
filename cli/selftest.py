"""The self-test of the sandbox, as a worker on this machine would run it, for the terminal."""

import json
import subprocess
import sys
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from core.errors import LetheError


class SelfTestError(LetheError):
    """The self-test gave no answer."""


def run() -> dict[str, Any]:
    """Have a worker's process test the sandbox and return what it found.

    Raises:
        SelfTestError: it ended without an answer; what it said stands above.
    """
    # As the supervisor starts workers: this process holds neither torch nor Docker.
    ended = subprocess.run([sys.executable, "-m", "worker", "selftest"], stdout=subprocess.PIPE, check=False)
    try:
        found: dict[str, Any] = json.loads(ended.stdout)
    except ValueError:
        raise SelfTestError(f"the self-test ended with status {ended.returncode} and no answer") from None
    return found


def table(found: dict[str, Any]) -> Table:
    """Return a line for each probe: its name, what it tries, whether the sandbox holds, and what leaked."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    title = " ".join(filter(None, (found["sandbox"], found["image"])))
    shown = Table(title=f"{title}\n{versions}", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    for column in ("probe", "tries", "", "detail"):
        shown.add_column(column, overflow="fold", no_wrap=column in {"probe", ""})
    for probe in found["probes"]:
        verdict = "[green]holds[/green]" if probe["holds"] else "[bold red]LEAKS[/bold red]"
        shown.add_row(probe["name"], escape(probe["tries"]), verdict, escape(probe["detail"]))
    shown.add_section()
    for finding in found["findings"]:
        if not finding["holds"]:
            verdict = (
                "[bold red]no[/bold red]" if finding["severity"] == "void" else "[yellow]dev only[/yellow]"
            )
            shown.add_row(finding["name"], "", verdict, escape(finding["detail"]))
    shown.caption = f"{len(found['probes'])} probes in {found['seconds']:.1f} s"
    return shown
