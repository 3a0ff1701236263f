"""A phase full of teams, submissions, runs and scores, inserted at once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import Uuid, bindparam, insert, text

from core import db
from core.lifecycle import ParticipantState, SubmissionState, Verdict
from core.models import REPLICATES, Participant, Phase, Score, Submission, Team, User
from tests.support.competition import numbers

_START = datetime(2023, 6, 1, tzinfo=UTC)


def fill_phase(
    phase: Phase, *, n_teams: int, submissions_per_team: int, runs_per_submission: int
) -> list[UUID]:
    """Insert teams of one and what they have submitted, finished and scored; return the users."""
    users = [uuid4() for _ in range(n_teams)]
    teams = [uuid4() for _ in range(n_teams)]
    owners = [number for number in range(n_teams) for _ in range(submissions_per_team)]
    submissions = [uuid4() for _ in owners]
    if not owners:
        return users
    with db.transaction() as session:
        session.execute(
            insert(User), [{"id": one, "name": f"u{one.hex}", "name_key": f"u{one.hex}"} for one in users]
        )
        session.execute(
            insert(Team),
            [
                {
                    "id": team,
                    "competition_id": phase.competition_id,
                    "name": f"team {number}",
                    "name_key": f"team {number}",
                    "captain_id": user,
                }
                for number, (team, user) in enumerate(zip(teams, users, strict=True))
            ],
        )
        session.execute(
            insert(Participant),
            [
                {
                    "competition_id": phase.competition_id,
                    "user_id": user,
                    "team_id": team,
                    "state": ParticipantState.APPROVED,
                }
                for user, team in zip(users, teams, strict=True)
            ],
        )
        session.execute(
            insert(Submission),
            [
                _submission(phase, one, users[owner], teams[owner], number)
                for number, (one, owner) in enumerate(zip(submissions, owners, strict=True))
            ],
        )
        session.execute(insert(Score), [_score(one) for one in submissions])
    if runs_per_submission:
        add_runs(phase, range(runs_per_submission))
    return users


def _submission(phase: Phase, one: UUID, user: UUID, team: UUID, number: int) -> dict[str, object]:
    at = _START + timedelta(minutes=number)
    return {
        "id": one,
        "phase_id": phase.id,
        "team_id": team,
        "user_id": user,
        "filename": "submission.py",
        "source_sha256": one.hex * 2,
        "size_bytes": 1000,
        "state": SubmissionState.FINISHED,
        "verdict": Verdict.OK,
        "created_at": at,
        "ended_at": at + timedelta(minutes=30),
        "mean_run_seconds": 3.0,
    }


def _score(one: UUID) -> dict[str, object]:
    generator = np.random.default_rng(one.int % 2**32)
    final = generator.uniform(0.0, 0.2)
    replicates = (final + generator.normal(0.0, 0.01, 200)).astype(REPLICATES).tobytes()
    return {"submission_id": one, "replicates": replicates, **numbers(final)}


def add_runs(phase: Phase, indices: range) -> None:
    """Insert runs with these indices for every submission of a phase; the database makes the rows."""
    is_sqlite = db.engine().dialect.name == "sqlite"
    new_id = "lower(hex(randomblob(16)))" if is_sqlite else "gen_random_uuid()"
    statement = f"""
        WITH RECURSIVE numbers (n) AS (
            SELECT CAST(:start AS INTEGER) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :stop
        )
        INSERT INTO run (id, submission_id, run_index, verdict, message, log, seconds, created_at)
        SELECT {new_id}, submission.id, numbers.n, 'ok', '', '', 3.0, submission.created_at
        FROM submission CROSS JOIN numbers WHERE submission.phase_id = :phase
        """
    with db.transaction() as session:
        query = text(statement).bindparams(bindparam("phase", type_=Uuid()))
        session.execute(query, {"start": indices.start, "stop": indices.stop, "phase": phase.id})
