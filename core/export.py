"""What organizers take home of a phase: tables, and an archive to compute every score from again."""

import json
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from core import board_table, csv_text, standings, zip_stream
from core.bundle import columns, writing
from core.leaderboard import leaderboard
from core.models import Competition, Phase, Score, Submission
from core.storage import storage
from core.visibility import Viewer

_ENDINGS = (".py", ".ipynb", ".zip")
_ORGANIZER = Viewer(is_organizer=True)
_ISO_YEAR_1980 = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Record:
    """A submission of the phase as organizers see it: all numbers in full, under the version that ranks."""

    id: UUID
    team_id: UUID
    team: str
    user: str
    filename: str
    created_at: datetime
    ended_at: datetime | None
    state: str
    verdict: str | None
    message: str
    selected_at: datetime | None
    superseded_at: datetime | None
    disqualified_at: datetime | None
    disqualified_reason: str
    baseline_name: str | None
    origin_id: UUID | None
    rerun_of_id: UUID | None
    mean_run_seconds: float | None
    scoring_version: str | None
    final_score: float | None
    forgetting_quality: float | None
    retain_ratio: float | None
    test_ratio: float | None
    retain_accuracy: float | None
    test_accuracy: float | None
    source_sha256: str
    artifact_sha256: str | None
    source: str
    artifact: str | None


_OF_SCORE = (
    "scoring_version",
    "final_score",
    "forgetting_quality",
    "retain_ratio",
    "test_ratio",
    "retain_accuracy",
    "test_accuracy",
    "artifact_sha256",
)
_COMPUTED = {*_OF_SCORE, "team", "user", "source", "artifact"}


def records(session: Session, phase: Phase) -> list[Record]:
    """Return all submissions of a phase, the first first."""
    of_phase = Submission.phase_id == phase.id
    scored = select(Score).join(Submission).where(of_phase, Score.scoring_version == phase.scoring_version)
    scores = {score.submission_id: score for score in session.scalars(scored)}
    query = select(Submission).where(of_phase).order_by(Submission.created_at, Submission.id)
    loaded = query.options(joinedload(Submission.team), joinedload(Submission.user))
    return [_record(one, scores.get(one.id)) for one in session.scalars(loaded)]


def to_csv(found: Sequence[Record]) -> bytes:
    """Return submissions as a table."""
    names = [field.name for field in fields(Record)]
    return csv_text.write(names, [[getattr(one, name) for name in names] for one in found])


def to_json(found: Sequence[Record]) -> bytes:
    """Return submissions as a JSON list."""
    return _json([asdict(one) for one in found])


def archive(session: Session, phase: Phase) -> Iterator[bytes]:
    """Return a ZIP archive in pieces, with neither it nor a file in it in memory as a whole.

    The tables are read now; stored files are read while the archive is, and need no session.

    Raises:
        StorageError: a stored file is missing or damaged. The archive then ends without its directory.
    """
    found = records(session, phase)
    whole = leaderboard(session, phase, viewer=_ORGANIZER, anew=True)
    board = {"rows": [asdict(row) for row in whole.rows], "baselines": [asdict(r) for r in whole.baselines]}
    tables = {
        "phase.json": _json(_describe(phase)),
        "leaderboard.json": _json(board),
        "leaderboard.csv": board_table.to_csv(whole.rows, whole.baselines),
        "submissions.json": to_json(found),
        "submissions.csv": to_csv(found),
    }
    definition = writing.files_of(columns.spec_of(session.get_one(Competition, phase.competition_id)))
    tables |= {f"competition/{name}": content for name, content in definition.items()}
    stored = {one.source: one.source_sha256 for one in found}
    stored |= {one.artifact: one.artifact_sha256 for one in found if one.artifact and one.artifact_sha256}
    if phase.results_sha256 is not None:
        stored["results.json"] = phase.results_sha256
    return zip_stream.stream(_members(tables, stored))


def _members(tables: dict[str, bytes], stored: dict[str, str]) -> Iterator[zip_stream.Member]:
    for name, content in tables.items():
        yield zip_stream.Member(_named(name), iter([content]))
    for name, sha256 in stored.items():
        yield zip_stream.Member(_named(name), storage().read_in_pieces(sha256))


def _named(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ISO_YEAR_1980)
    info.external_attr = 0o644 << 16
    # What safetensors hold does not shrink.
    info.compress_type = zipfile.ZIP_STORED if name.endswith(".safetensors") else zipfile.ZIP_DEFLATED
    return info


def _record(submission: Submission, score: Score | None) -> Record:
    own: dict[str, Any] = {
        f.name: getattr(submission, f.name) for f in fields(Record) if f.name not in _COMPUTED
    }
    of_score: dict[str, Any] = {name: None if score is None else getattr(score, name) for name in _OF_SCORE}
    # Named by what they hold: no name that a participant chose becomes a path.
    ending = PurePosixPath(submission.filename).suffix.lower()
    source = f"sources/{submission.source_sha256}{ending if ending in _ENDINGS else '.bin'}"
    artifact = of_score["artifact_sha256"]
    return Record(
        **own,
        **of_score,
        team=submission.team.name,
        user=submission.user.name,
        source=source,
        artifact=None if artifact is None else f"artifacts/{artifact}.safetensors",
    )


def _describe(phase: Phase) -> dict[str, Any]:
    """Return what the ranking follows from; never the phase's secret."""
    names = (
        "slug",
        "title",
        "opens_at",
        "closes_at",
        "n_models",
        "scoring_version",
        "score_decimals",
        "board_rule",
        "board_visibility",
        "published_at",
        "results_sha256",
        "manifest_sha256",
        "reference_key",
        "retraining_s",
        "architecture",
        "recipe",
        "limits",
        "quotas",
    )
    facts = {name: getattr(phase, name) for name in names}
    return {"competition": phase.competition.slug, **facts, "order": standings.BEST_FIRST}


def _json(value: object) -> bytes:
    return json.dumps(to_jsonable_python(value), indent=1, ensure_ascii=False).encode()
