"""What the API's tests share: addresses, scores out of thin air, and a worker's part of the walk."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from starlette.types import ASGIApp, Message

from core import competitions, db, submissions, teams
from core.lifecycle import SubmissionState, Verdict
from core.models import Baseline, Run, Score, Submission, User
from tests.support.competition import numbers

PHASE = "/api/v1/competitions/faces/phases/check"
HIDDEN = "/api/v1/competitions/faces/phases/feedback"

on_both_databases = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@dataclass(frozen=True)
class Participant:
    """A user who can sign in."""

    user: User
    headers: dict[str, str]


PASSWORD = "a few quiet words"


@dataclass(frozen=True)
class Browser:
    """A browser that is signed in: the client has its cookie; `headers` go with what changes something."""

    client: TestClient
    headers: dict[str, str]


def register(client: TestClient, name: str, *, password: str = PASSWORD, **more: str) -> None:
    """Make an account with a password."""
    response = client.post("/api/v1/accounts", json={"name": name, "password": password, **more})
    assert response.status_code == 201, response.text


def sign_in(client: TestClient, name: str, *, password: str = PASSWORD) -> Browser:
    """Sign a client in anew, as a browser is: from now on it sends the cookie."""
    client.cookies.clear()
    response = client.post("/api/v1/session", json={"login": name, "password": password})
    assert response.status_code == 201, response.text
    return Browser(client, {"X-CSRF-Token": response.json()["csrf_token"], "Origin": "http://testserver"})


def run_all(
    submission_id: UUID, *, verdict: Verdict = Verdict.OK, seconds: float = 3.0, **result: str
) -> None:
    """Do what a worker does: run a submission up to its first failure."""
    with db.transaction() as session:
        submissions.begin(session, submission_id)
        for index in range(submissions.find(session, submission_id).phase.n_models):
            outcome = submissions.RunResult(verdict=verdict, seconds=seconds, **result)
            submissions.record_run(session, submission_id, index, outcome)


def add_finished(
    user: User, phase_slug: str, final_score: float, *, filename: str = "submission.py", **changes: Any
) -> Submission:
    """Insert a finished submission with its runs and score."""
    seconds = changes.pop("seconds", 3.0)
    created_at = changes.pop("created_at", datetime.now(UTC))
    with db.transaction() as session:
        phase = competitions.find_phase(session, "faces", phase_slug)
        submission = Submission(
            phase_id=phase.id,
            team_id=teams.admit(session, phase.competition, user).team_id,
            user_id=user.id,
            filename=filename,
            source_sha256="0" * 64,
            size_bytes=1,
            state=SubmissionState.FINISHED,
            verdict=Verdict.OK,
            created_at=created_at,
            ended_at=created_at + timedelta(minutes=5),
            mean_run_seconds=seconds,
        )
        session.add(submission)
        session.flush()
        for index in range(phase.n_models):
            session.add(
                Run(submission_id=submission.id, run_index=index, verdict=Verdict.OK, seconds=seconds)
            )
        session.add(Score(submission_id=submission.id, **numbers(final_score, **changes)))
    return submission


def add_baselines(phase_slug: str, *, ceiling: float = 0.17, floor: float = 0.0, **changes: Any) -> None:
    """Insert what the phase's own models score."""
    changes = {"retain_accuracy": 0.97} | changes
    with db.transaction() as session:
        phase = competitions.find_phase(session, "faces", phase_slug)
        session.add(Baseline(phase_id=phase.id, name="ceiling", **numbers(ceiling, **changes)))
        session.add(Baseline(phase_id=phase.id, name="floor", **numbers(floor, **changes)))


class Streamed(NamedTuple):
    """How an upload was answered, and how much of it the application took."""

    status: int
    chunks_taken: int


def stream(app: ASGIApp, headers: dict[str, str], *, chunks: int) -> Streamed:
    """Upload 10 kB pieces of an endless file, straight through ASGI, and count how many the app takes."""
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="s.py"\r\n\r\n'
    taken = 0
    statuses: list[int] = []

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        body = head + b"#" * (10_000 - len(head)) if taken == 1 else b"#" * 10_000
        return {"type": "http.request", "body": body, "more_body": taken < chunks}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = headers | {"Content-Type": "multipart/form-data; boundary=b"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"{PHASE}/submissions",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }

    async def drive() -> None:
        await app(scope, receive, send)

    asyncio.run(drive())
    return Streamed(statuses[0], taken)
