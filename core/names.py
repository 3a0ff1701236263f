"""What a team may be called."""

import unicodedata

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.errors import TeamRefusedError
from core.models import Team, User

_MAX_CHARACTERS = 64


def key_of(name: str) -> str:
    """Return what two names have in common that look the same: without case, and of one Unicode form."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def check(session: Session, team: Team, name: str, *, members: list[User]) -> str:
    """Return a name as it will be stored, without space around it, if the team may have it.

    Raises:
        TeamRefusedError: it is empty, too long, not printable, another team's, or that of a user who is no
            member.
    """
    name = unicodedata.normalize("NFC", name).strip()
    key = key_of(name)
    if not name or not name.isprintable() or max(len(name), len(key)) > _MAX_CHARACTERS:
        raise TeamRefusedError(f"A team's name has 1 to {_MAX_CHARACTERS} printable characters.")
    same = select(Team.id).where(
        Team.competition_id == team.competition_id, Team.name_key == key, Team.id != team.id
    )
    if session.scalar(same) is not None:
        raise TeamRefusedError(f"Another team is called `{name}`. Choose another name.")
    others = select(User.id).where(User.name_key == key, User.id.not_in([user.id for user in members]))
    if session.scalar(others) is not None:
        raise TeamRefusedError(f"`{name}` is somebody's name, who is not in the team. Choose another name.")
    return name
