"""Competitions and phases: read from `competition.yaml`, stored, looked up, and brought to readiness."""

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator
from sqlalchemy import select, update
from sqlalchemy.orm import Session, contains_eager, joinedload, selectinload

import scoring
from core import shards
from core.errors import InvalidCompetitionError, NotFoundError, PhaseClosedError
from core.lifecycle import PhaseState
from core.limits import PhaseLimits
from core.models import Baseline, Competition, Phase, Shard, Work, utc_now

_Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PhaseSpec(_Spec):
    """A phase as an organizer writes it."""

    slug: _Slug
    name: str = Field(min_length=1, max_length=200)
    start: AwareDatetime = datetime(2000, 1, 1, tzinfo=UTC)
    end: AwareDatetime | None = None
    n_models: int = Field(ge=3, le=4096)
    runs_per_shard: int = Field(default=16, ge=1)
    dataset: dict[str, Any]
    architecture: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    limits: PhaseLimits = PhaseLimits()
    keep_reference_weights: bool = False
    show_logs: bool = False
    score_decimals: int | None = Field(default=None, ge=0, le=15)
    scoring_version: str = scoring.SCORING_VERSION

    @field_validator("scoring_version")
    @classmethod
    def _is_known(cls, version: str) -> str:
        if version not in scoring.VERSIONS:
            raise ValueError(f"`{version}` is none of {', '.join(scoring.VERSIONS)}")
        return version


class CompetitionSpec(_Spec):
    """A competition.yaml; `version` is that of Codabench's bundle format."""

    version: int = Field(ge=2, le=2)
    slug: _Slug
    title: str = Field(min_length=1, max_length=200)
    description: str = ""
    phases: list[PhaseSpec] = Field(min_length=1)

    @field_validator("phases")
    @classmethod
    def _have_slugs_of_their_own(cls, phases: list[PhaseSpec]) -> list[PhaseSpec]:
        if len({phase.slug for phase in phases}) != len(phases):
            raise ValueError("two phases have the same slug")
        return phases


def read_spec(path: Path) -> CompetitionSpec:
    """Read a competition.yaml.

    Raises:
        InvalidCompetitionError: the file is missing or not YAML, or a key is wrong; every fault is named.
    """
    try:
        return CompetitionSpec.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidCompetitionError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidCompetitionError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise InvalidCompetitionError(f"{path}: " + "; ".join(faults)) from error


def create(session: Session, spec: CompetitionSpec) -> Competition:
    """Create a competition and start the preparation of its phases.

    Raises:
        InvalidCompetitionError: a competition with this slug exists.
    """
    if session.scalar(select(Competition.id).where(Competition.slug == spec.slug)):
        raise InvalidCompetitionError(f"A competition `{spec.slug}` exists already.")
    competition = Competition(slug=spec.slug, title=spec.title, description=spec.description)
    session.add(competition)
    for position, phase in enumerate(spec.phases):
        competition.phases.append(_new_phase(phase, position))
    session.flush()
    for stored in competition.phases:
        shards.add(session, Shard(work=Work.PREPARATION, phase_id=stored.id, start=0, stop=1))
    return competition


def _new_phase(spec: PhaseSpec, position: int) -> Phase:
    return Phase(
        slug=spec.slug,
        title=spec.name,
        position=position,
        opens_at=spec.start,
        closes_at=spec.end,
        n_models=spec.n_models,
        runs_per_shard=spec.runs_per_shard,
        dataset=spec.dataset,
        architecture=spec.architecture,
        recipe=spec.recipe,
        limits=spec.limits.model_dump(),
        keep_reference_weights=spec.keep_reference_weights,
        show_logs=spec.show_logs,
        score_decimals=spec.score_decimals,
        scoring_version=spec.scoring_version,
        secret=secrets.token_bytes(32),
    )


def list_competitions(session: Session) -> list[Competition]:
    """Return all competitions with their phases, newest first."""
    newest_first = select(Competition).order_by(Competition.created_at.desc())
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


def hold(session: Session, phase_id: UUID) -> Phase:
    """Return a phase, with its competition, that nobody locks until the end of the transaction.

    Many may hold it at once. Who takes something into a phase holds it, so that who locks it sees all of it.
    """
    held = select(Phase).where(Phase.id == phase_id).with_for_update(read=True, of=Phase)
    held = held.options(joinedload(Phase.competition))
    return session.scalars(held.execution_options(populate_existing=True)).one()


def lock(session: Session, phase_id: UUID) -> Phase:
    """Return a phase that nobody else changes until the end of the transaction; lock it before its shards."""
    # Not against what refers to the phase: a shard waits for nobody who locks this.
    locked = select(Phase).where(Phase.id == phase_id).with_for_update(key_share=True)
    return session.scalars(locked.execution_options(populate_existing=True)).one()


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
