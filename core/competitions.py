"""Competitions and phases: stored, looked up, and brought to readiness."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

from core import shards
from core.bundle import columns
from core.bundle.reading import read_spec
from core.bundle.spec import CompetitionSpec, PhaseSpec
from core.errors import InvalidCompetitionError, NotFoundError, PhaseClosedError
from core.lifecycle import PhaseState
from core.models import Baseline, Competition, Organizer, Phase, Shard, User, Work, utc_now

__all__ = ["CompetitionSpec", "PhaseSpec", "read_spec"]


def create(session: Session, spec: CompetitionSpec) -> Competition:
    """Create a competition and start the preparation of its phases; its datasets are stored already.

    Raises:
        InvalidCompetitionError: a competition with this slug exists.
    """
    competition = Competition(slug=spec.slug, **columns.of_competition(spec))
    for position, phase in enumerate(spec.phases):
        competition.phases.append(columns.new_phase(phase, position))
    try:
        with session.begin_nested():
            session.add(competition)
    except IntegrityError as error:  # somebody was faster
        raise InvalidCompetitionError(f"A competition `{spec.slug}` exists already.") from error
    for stored in competition.phases:
        shards.add(session, Shard(work=Work.PREPARATION, phase_id=stored.id, start=0, stop=1))
    return competition


def list_competitions(session: Session, viewer: User | None) -> list[Competition]:
    """Return the competitions that somebody may see, with their phases, newest first."""
    newest_first = select(Competition).order_by(Competition.created_at.desc())
    if viewer is None or not viewer.is_admin:
        visible: ColumnElement[bool] = Competition.published.is_(True)
        if viewer is not None:
            own = select(Organizer.competition_id).where(Organizer.user_id == viewer.id)
            visible |= Competition.id.in_(own)
        newest_first = newest_first.where(visible)
    return list(session.scalars(newest_first.options(selectinload(Competition.phases))))


def find_competition(session: Session, slug: str) -> Competition:
    """Return a competition with its phases.

    Raises:
        NotFoundError: there is none with this slug.
    """
    query = select(Competition).where(Competition.slug == slug).options(selectinload(Competition.phases))
    competition = session.scalar(query)
    if competition is None:
        raise NotFoundError(f"There is no competition `{slug}`.")
    return competition


def find_phase(session: Session, competition_slug: str, phase_slug: str) -> Phase:
    """Return a phase by the slugs in its address.

    Raises:
        NotFoundError: there is no such competition or phase.
    """
    query = (
        select(Phase)
        .join(Phase.competition)
        .where(Competition.slug == competition_slug, Phase.slug == phase_slug)
        .options(contains_eager(Phase.competition))
    )
    phase = session.scalar(query)
    if phase is None:
        raise NotFoundError(f"There is no phase `{phase_slug}` in a competition `{competition_slug}`.")
    return phase


def check_open(phase: Phase) -> None:
    """Raise `PhaseClosedError` unless the phase takes uploads now; the message says when it does, or why not.

    It is open from `opens_at` until, not including, `closes_at`, by this server's clock.
    """
    now = utc_now()
    if not phase.uploads:
        raise PhaseClosedError(f"{phase.title} takes no uploads, only what is migrated into it.")
    if now < phase.opens_at:
        raise PhaseClosedError(f"{phase.title} opens at {phase.opens_at:%Y-%m-%d %H:%M:%S} UTC.")
    if has_closed(phase, now):
        raise PhaseClosedError(f"{phase.title} closed at {phase.closes_at:%Y-%m-%d %H:%M:%S} UTC.")
    if phase.published_at is not None:
        raise PhaseClosedError(f"{phase.title} is over: its results are published.")
    if phase.state is PhaseState.BROKEN:
        raise PhaseClosedError(f"{phase.title} could not be prepared; the organizers have to look into it.")
    if phase.state is not PhaseState.READY:
        raise PhaseClosedError(
            f"{phase.title} is still being prepared; its reference models are not complete. Try again later."
        )


def has_closed(phase: Phase, now: datetime) -> bool:
    """Return whether a phase has ended; once that is noted, a clock that is set back does not reopen it."""
    if phase.closes_at is None:
        return False
    return now >= phase.closes_at or phase.closed_noted_at == phase.closes_at


def keep(session: Session, competition: Competition) -> None:
    """Let nobody delete a competition until the end of the transaction; lock or hold its phases before.

    Raises:
        NotFoundError: it was deleted meanwhile.
    """
    kept = select(Competition.id).where(Competition.id == competition.id)
    if session.scalar(kept.with_for_update(read=True, key_share=True)) is None:
        raise NotFoundError(f"{competition.title} is not there any more: it was deleted.")


def hold(session: Session, phase_id: UUID) -> Phase:
    """Return a phase, with its competition, that nobody locks until the end of the transaction.

    Many may hold it at once. Who takes something into a phase holds it, so that who locks it sees all of it.

    Raises:
        NotFoundError: it was deleted meanwhile.
    """
    held = select(Phase).where(Phase.id == phase_id).with_for_update(read=True, of=Phase)
    return _still_there(session, held.options(joinedload(Phase.competition)))


def lock(session: Session, phase_id: UUID) -> Phase:
    """Return a phase that nobody else changes until the end of the transaction; lock it before its shards.

    Raises:
        NotFoundError: it was deleted meanwhile.
    """
    # Not against what refers to the phase: a shard waits for nobody who locks this.
    return _still_there(session, select(Phase).where(Phase.id == phase_id).with_for_update(key_share=True))


def _still_there(session: Session, locked: Select[Phase]) -> Phase:
    phase = session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    if phase is None:
        raise NotFoundError("The phase is not there any more: it was deleted.")
    return phase


def open_with_baselines(session: Session, phase_id: UUID, baselines: list[Baseline]) -> None:
    """Store the ceiling and the floor of a phase in preparation, once, and let submissions in."""
    phase = lock(session, phase_id)
    if phase.state is PhaseState.PREPARING:
        session.add_all(baselines)
        phase.state = PhaseState.READY


def mark_broken(session: Session, phase_id: UUID, problem: str) -> None:
    """Stop the preparation of a phase; `problem` is for the organizer."""
    phase = lock(session, phase_id)
    phase.state = PhaseState.BROKEN
    phase.problem = problem
    session.execute(update(Shard).where(Shard.phase_id == phase_id, Shard.done.is_(False)).values(done=True))
