"""Results of a phase: frozen into one file, published under its hash, and taken back only with a reason."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import audit, board, competitions, events, standings, submission_search
from core.board_rows import Board, Numbers
from core.errors import NotFoundError, PublicationRefusedError, ResultsPublishedError
from core.lifecycle import BoardRule, PhaseState, SubmissionState, Verdict
from core.models import Phase, Score, Submission, User, utc_now
from core.storage import storage

FORMAT: Final = "lethe-results-1"


@dataclass(frozen=True)
class Rules:
    """What the ranking follows from: how the phase was scored, on what, and how equals are told apart.

    The hashes are those of the bundle's manifest and of its two parts, of the original model and of what it
    gave in the evaluation. `reference_key` stands for all that the reference models are made from.
    """

    scoring_version: str
    score_decimals: int | None
    n_models: int
    board_rule: BoardRule
    order: str
    opens_at: datetime
    closes_at: datetime | None
    limits: dict[str, Any]
    quotas: dict[str, Any]
    architecture: dict[str, Any]
    recipe: dict[str, Any]
    retraining_s: float | None
    manifest_sha256: str | None
    participant_part_sha256: str | None
    secret_part_sha256: str | None
    original_sha256: str | None
    original_evaluation_sha256: str | None
    reference_key: str | None


@dataclass(frozen=True)
class Entry:
    """One submission of the phase, ranked or not; `artifact_sha256` is of what its scores come from."""

    id: UUID
    team_id: UUID
    team: str
    filename: str
    source_sha256: str
    submitted_at: datetime
    state: SubmissionState
    verdict: Verdict | None
    selected: bool
    superseded: bool
    disqualified: bool
    baseline_name: str | None
    artifact_sha256: str | None
    scores: dict[str, Numbers]


@dataclass(frozen=True)
class Results:
    """The content of a results file."""

    format: Literal["lethe-results-1"]
    competition: str
    competition_title: str
    phase: str
    phase_title: str
    published_at: datetime
    rules: Rules
    board: Board
    submissions: list[Entry]


_RESULTS = TypeAdapter(Results)


def check_unpublished(phase: Phase) -> None:
    """Raise `ResultsPublishedError` if the results of a phase are published: what they say stays true."""
    if phase.published_at is not None:
        raise ResultsPublishedError(
            f"The results of {phase.title} are published and frozen. An organizer can take them back first."
        )


def publish(session: Session, phase_id: UUID, *, actor: User) -> Phase:
    """Freeze the results of a phase and show them to everybody; return the phase.

    Raises:
        PublicationRefusedError: the phase has not closed, or something of it is still at work.
        ResultsPublishedError: they are published.
    """
    phase = competitions.lock(session, phase_id)
    check_unpublished(phase)
    _check_complete(session, phase)
    now = utc_now()
    sha256 = storage().put(to_bytes(_freeze(session, phase, now)))
    phase.published_at, phase.results_sha256 = now, sha256
    session.flush()
    audit.record(
        session,
        actor=actor,
        action="results.publish",
        competition_id=phase.competition_id,
        target=f"phase {phase.slug}",
        after={"published_at": now, "sha256": sha256},
    )
    told = {"phase": phase.slug, "sha256": sha256, "published_at": now}
    events.emit(session, phase.competition_id, "results.published", told)
    return phase


def take_back(session: Session, phase_id: UUID, *, actor: User, reason: str) -> Phase:
    """End the publication of a phase's results; the file stays stored, and the audit log names it.

    Raises:
        NotFoundError: they are not published.
    """
    phase = competitions.lock(session, phase_id)
    before = {"published_at": phase.published_at, "sha256": phase.results_sha256}
    sha256_of(phase)
    phase.published_at = phase.results_sha256 = None
    audit.record(
        session,
        actor=actor,
        action="results.take_back",
        competition_id=phase.competition_id,
        target=f"phase {phase.slug}",
        reason=reason,
        before=before,
    )
    return phase


def sha256_of(phase: Phase) -> str:
    """Return the hash of the results file of a phase.

    Raises:
        NotFoundError: the results are not published.
    """
    if phase.results_sha256 is None:
        raise NotFoundError(f"The results of {phase.title} are not published.")
    return phase.results_sha256


@lru_cache(maxsize=8)
def read(sha256: str) -> Results:
    """Return what a results file says. A hash names one content, so that it is read once.

    Raises:
        StorageError: the file is missing or damaged.
    """
    return _RESULTS.validate_json(storage().get(sha256))


def to_bytes(results: Results) -> bytes:
    """Return the file: JSON with sorted keys and no spaces, so that the same results have the same hash."""
    content = _RESULTS.dump_python(results, mode="json")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _check_complete(session: Session, phase: Phase) -> None:
    if phase.state is not PhaseState.READY:
        raise PublicationRefusedError(f"{phase.title} is {phase.state}: it has no results.")
    if phase.closes_at is None:
        raise PublicationRefusedError(f"{phase.title} has no end. Give it one; then publish its results.")
    if utc_now() < phase.closes_at:
        raise PublicationRefusedError(f"{phase.title} is open until {phase.closes_at:%Y-%m-%d %H:%M:%S} UTC.")
    if phase.rescoring_version is not None and not phase.rescoring_problem:
        raise PublicationRefusedError(f"{phase.title} is being rescored; wait until that has ended.")
    if (before := _still_sends(session, phase)) is not None:
        raise PublicationRefusedError(
            f"{phase.title} still waits for what the teams selected in {before.title}, which migrates when "
            "all submissions there have ended."
        )
    if n_unfinished := submission_search.count_under_way(session, phase.id):
        raise PublicationRefusedError(
            f"{n_unfinished} submissions of {phase.title} have not ended; wait for them, or cancel them."
        )


def _still_sends(session: Session, phase: Phase) -> Phase | None:
    """Return the phase before, if it has closed and what was selected in it is still to migrate."""
    earlier = select(Phase).where(
        Phase.competition_id == phase.competition_id, Phase.position < phase.position
    )
    before = session.scalars(earlier.order_by(Phase.position.desc()).limit(1)).first()
    waits = phase.auto_migrate and phase.migrated_at is None
    return before if waits and before is not None and competitions.has_closed(before, utc_now()) else None


def _freeze(session: Session, phase: Phase, now: datetime) -> Results:
    rules = {name: getattr(phase, name) for name in Rules.__annotations__ if name != "order"}
    return Results(
        format=FORMAT,
        competition=phase.competition.slug,
        competition_title=phase.competition.title,
        phase=phase.slug,
        phase_title=phase.title,
        published_at=now,
        rules=Rules(**rules, order=standings.BEST_FIRST),
        board=board.read(session, phase, partial(board.everybody, after=0)),
        submissions=_entries(session, phase),
    )


def _entries(session: Session, phase: Phase) -> list[Entry]:
    query = select(Submission).where(Submission.phase_id == phase.id).options(joinedload(Submission.team))
    scores: dict[UUID, list[Score]] = {}
    complete = Score.scoring_version.is_distinct_from(phase.rescoring_version)
    scored = select(Score).join(Submission).where(Submission.phase_id == phase.id, complete)
    for score in session.scalars(scored.order_by(Score.scoring_version)):
        scores.setdefault(score.submission_id, []).append(score)
    return [
        _entry(phase, one, scores.get(one.id, []))
        for one in session.scalars(query.order_by(Submission.created_at, Submission.id))
    ]


def _entry(phase: Phase, submission: Submission, scores: list[Score]) -> Entry:
    return Entry(
        id=submission.id,
        team_id=submission.team_id,
        team=submission.team.name,
        filename=submission.filename,
        source_sha256=submission.source_sha256,
        submitted_at=submission.created_at,
        state=submission.state,
        verdict=submission.verdict,
        selected=submission.selected_at is not None,
        superseded=submission.superseded_at is not None,
        disqualified=submission.disqualified_at is not None,
        baseline_name=submission.baseline_name,
        artifact_sha256=next((one.artifact_sha256 for one in scores if one.artifact_sha256), None),
        scores={one.scoring_version: board.numbers_of(phase, one) for one in scores},
    )
