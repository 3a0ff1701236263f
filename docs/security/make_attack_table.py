"""Writes docs/attacks.md: every attack of the corpus, what it must end with, and its control.

Run as `python docs/security/make_attack_table.py`; a test fails where the page is not up to date.
"""

import json
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "attacks.md"
_CORPUS = _ROOT / "tests" / "submissions"
_INTRODUCTION = """\
# The attacks

The {n_hostile} submissions of [`tests/submissions`](../tests/submissions) that attack or fail, and {n_honest}
honest ones, go the whole way, from the upload to their verdict, in both sandboxes, on every run of the tests
([`tests/support/corpus_tests.py`](../tests/support/corpus_tests.py)). After each one no process, container or
cgroup of it is left, the host's disk and the worker's memory are where they were, and an honest submission
still earns the same score.

The last column is the **positive control**: with the protections in it removed, the same attack must succeed;
otherwise it would prove nothing. [`tests/support/weakened.py`](../tests/support/weakened.py) removes
them; no setting of Lethe does.

This page is made by `python docs/security/make_attack_table.py`.
"""
_HEAD = ["| submission | tries | stopped by | verdict | control |", "|---|---|---|---|---|"]


def page() -> str:
    """Return the page, from what the corpus says of itself."""
    cases = [
        (path.parent.name, json.loads(path.read_text())) for path in sorted(_CORPUS.glob("*/expected.json"))
    ]
    honest = [_link(name) for name, expected in cases if expected["class"] == "honest"]
    hostile = [(name, expected) for name, expected in cases if expected["class"] != "honest"]
    sections = [_INTRODUCTION.format(n_hostile=len(hostile), n_honest=len(honest))]
    for kind in sorted({expected["class"] for _, expected in hostile}):
        rows = [_row(name, expected) for name, expected in hostile if expected["class"] == kind]
        sections.append("\n".join([f"## {kind.capitalize()}", "", *_HEAD, *rows]) + "\n")
    sections.append(f"## Honest\n\nThese must finish: {', '.join(honest)}.\n")
    return "\n".join(sections)


def _link(name: str) -> str:
    return f"[`{name}`](../tests/submissions/{name})"


def _row(name: str, expected: dict[str, Any]) -> str:
    cells = [_link(name), expected["attack"], expected["protection"], _verdict(expected), _control(expected)]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _verdict(expected: dict[str, Any]) -> str:
    return "refused at the upload" if "refused" in expected else f"`{expected['verdict']}`"


def _control(expected: dict[str, Any]) -> str:
    if "canary" in expected:
        return "in a phase that shows logs the canary is found"
    control = expected.get("control")
    if control is None:
        return "—"
    how = "it breaks in" if control["message"].startswith("BREACH") else f"`{control['verdict']}`"
    return f"without {', '.join(control['without']).replace('_', ' ')}: {how}"


if __name__ == "__main__":
    _PAGE.write_text(page(), encoding="utf-8")
