"""The winners of a competition, as its organizers announce them."""

from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import audit
from core.errors import WinnersRefusedError
from core.models import Competition, Phase, Team, User


@dataclass(frozen=True)
class Winner:
    """A team, its place from 1, and what it is told: two teams may share a place."""

    team: str
    place: int
    prize: str = ""
    note: str = ""


def announce(session: Session, competition_id: UUID, winners: list[Winner], *, actor: User) -> list[Winner]:
    """Announce winners in the place of any announced before; an empty list takes them back.

    Raises:
        WinnersRefusedError: no phase has published results, or there is no team of that name.
    """
    locked = select(Competition).where(Competition.id == competition_id).with_for_update()
    competition = session.scalars(locked.execution_options(populate_existing=True)).one()
    published = select(Phase.id).where(
        Phase.competition_id == competition_id, Phase.published_at.is_not(None)
    )
    if winners and session.scalar(published) is None:
        raise WinnersRefusedError("Publish the results of a phase first; then announce the winners.")
    teams = select(Team.name).where(Team.competition_id == competition_id, Team.merged_into_id.is_(None))
    known = set(session.scalars(teams.where(Team.name.in_([winner.team for winner in winners]))))
    if unknown := [winner.team for winner in winners if winner.team not in known]:
        raise WinnersRefusedError(f"There is no team `{unknown[0]}` in {competition.title}.")
    before = competition.winners
    ordered = sorted(winners, key=lambda winner: winner.place)
    competition.winners = [asdict(winner) for winner in ordered]
    audit.record(
        session,
        actor=actor,
        action="winners.announce",
        competition_id=competition_id,
        target=competition.slug,
        before={"winners": before},
        after={"winners": competition.winners},
    )
    return ordered
