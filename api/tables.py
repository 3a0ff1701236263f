"""The tables of the documentation that the code is the source of: kinds of problems, and who may do what.

`python -m api.tables` brings docs/api.md and docs/authorization.md up to date.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from api.permissions import TABLE, Audience
from api.problems import type_of
from core import errors
from core.errors import ParticipantError

DOCS = Path(__file__).parents[1] / "docs"
_BLOCK = "<!-- {name}: python -m api.tables -->\n"
_WHO = {
    Audience.ANYONE: "anyone",
    Audience.SIGNED_IN: "whoever is signed in",
    Audience.BROWSER: "whoever signed in with a password",
    Audience.MEMBER: "members of the team",
    Audience.MEMBER_OR_ORGANIZER: "members of the team, organizers",
    Audience.ORGANIZER: "organizers",
    Audience.ADMIN: "admins",
}


def problems() -> str:
    """Return every kind of problem that a participant's fault becomes, by status."""
    lines = ["| status | `type` | when |", "|---|---|---|"]
    for error in sorted(_kinds(), key=lambda kind: (kind.status, type_of(kind))):
        meaning = " ".join((inspect.getdoc(error) or "").split("\n\n")[0].split())
        lines.append(f"| {error.status} | `{type_of(error)}` | {meaning} |")
    return "\n".join(lines) + "\n"


def access() -> str:
    """Return who may use every address, and the scope that a token needs there."""
    lines = ["| address | for | scope of a token |", "|---|---|---|"]
    for address, rule in sorted(TABLE.items(), key=lambda item: item[0].split(" ")[::-1]):
        scope = "none does" if rule.audience is Audience.BROWSER else f"`{rule.scope}`"
        if rule.organizing is not None:
            scope += f", organizers `{rule.organizing}`"
        lines.append(f"| `{address}` | {_WHO[rule.audience]} | {scope} |")
    return "\n".join(lines) + "\n"


def up_to_date(path: Path) -> str:
    """Return a page with its tables as they are now."""
    text = path.read_text(encoding="utf-8")
    for name, table in (("problems", problems()), ("access", access())):
        begin = _BLOCK.format(name=name)
        before, found, rest = text.partition(begin)
        if found:
            text = before + found + table + re.sub(r"\A(\|.*\n)*", "", rest)
    return text


def _kinds() -> Iterator[type[ParticipantError]]:
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, ParticipantError) and kind is not ParticipantError:
            yield kind


if __name__ == "__main__":
    for page in (DOCS / "api.md", DOCS / "authorization.md"):
        page.write_text(up_to_date(page), encoding="utf-8")
