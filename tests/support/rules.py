"""What the tests of quotas, teams and phases share: people, teams, uploads, and walks to an end."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from core import accounts, competitions, db, submissions, teams
from core.bundle.spec import CompetitionSpec
from core.intake import Upload
from core.lifecycle import PhaseState, Verdict
from core.models import Competition, Participant, Phase, Score, Submission, User
from core.submissions import RunResult
from tests.support.competition import HONEST, numbers

OPENS = datetime(2023, 7, 1, tzinfo=UTC)
CLOSES = datetime(2023, 8, 1, tzinfo=UTC)


def make_phases(*changes: dict[str, object], **of_competition: object) -> list[Phase]:
    """Create the competition `demo` with phases `p0`, `p1`, … that are ready; without changes with one."""
    shared = {"n_models": 3, "dataset": {"kind": "synthetic"}}
    wanted = enumerate(changes or ({},))
    phases = [{"slug": f"p{index}", "name": f"P{index}", **shared, **one} for index, one in wanted]
    with db.transaction() as session:
        spec = CompetitionSpec.model_validate(
            {"version": 2, "slug": "demo", "title": "Demo", "phases": phases, **of_competition}
        )
        created = competitions.create(session, spec)
        for phase in created.phases:
            phase.state = PhaseState.READY
        return list(created.phases)


def make_user(name: str) -> User:
    """Return the user of this name, a new one if there is none."""
    with db.reading() as session:
        found = session.scalar(select(User).where(User.name_key == name))
    if found is not None:
        return found
    with db.transaction() as session:
        return accounts.create_user(session, name).user


def join(name: str, **wish: bool) -> Participant:
    """Let somebody take part in `demo`."""
    user = make_user(name)
    with db.transaction() as session:
        competition = competitions.find_competition(session, "demo")
        part = teams.join(session, competition, user, accepts_terms=wish.get("accepts_terms", False))
        assert part.team is not None
        return part


def upload(name: str, number: int = 0, *, phase: str = "p0", key: str | None = None) -> Submission:
    """Upload a submission that its number tells from others."""
    user, source = make_user(name), HONEST + f"# {number}\n".encode()
    with db.transaction() as session:
        found = competitions.find_phase(session, "demo", phase)
        return submissions.accept(
            session, found, user, Upload("submission.py", BytesIO(source), key)
        ).submission


def finish(submission_id: UUID, final_score: float = 0.1) -> None:
    """Do what workers do, up to the score."""
    run(submission_id)
    with db.transaction() as session:
        submissions.record_score(session, submission_id, Score(**numbers(final_score)))


def run(submission_id: UUID, verdict: Verdict = Verdict.OK) -> None:
    """Do what workers do, up to the last run or the first that fails."""
    with db.transaction() as session:
        submissions.begin(session, submission_id)
        for index in range(submissions.find(session, submission_id).phase.n_models):
            submissions.record_run(session, submission_id, index, RunResult(verdict, seconds=1.0))


def finished(name: str, number: int = 0, *, score: float = 0.1, phase: str = "p0") -> Submission:
    """Upload a submission and bring it to its score."""
    submission = upload(name, number, phase=phase)
    finish(submission.id, score)
    return submission


def fetch(submission_id: UUID) -> Submission:
    """Return a submission as it stands now."""
    with db.reading() as session:
        return submissions.find(session, submission_id)


def competition(session: object) -> Competition:
    """Return `demo` in a session."""
    return competitions.find_competition(session, "demo")  # type: ignore[arg-type]


def at_once(*tasks: Callable[[], object]) -> list[object]:
    """Do all of it at the same time; return what each returned or raised."""
    start = threading.Barrier(len(tasks))
    results: list[object] = [None] * len(tasks)

    def do(index: int) -> None:
        start.wait()
        try:
            results[index] = tasks[index]()
        except Exception as error:  # the test looks at it
            results[index] = error

    threads = [threading.Thread(target=do, args=(index,)) for index in range(len(tasks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def within(
    monkeypatch: pytest.MonkeyPatch, at: tuple[ModuleType, str], *tasks: Callable[[], object]
) -> list[object]:
    """Do one task, and begin a second one as the first calls a function; return what each returned or raised.

    The first goes on once the second has ended, or after a moment in which it seems to wait for the first.
    """
    original, second_began, second_ended = getattr(*at), threading.Event(), threading.Event()

    def stopped(*args: Any, **options: Any) -> Any:
        if not second_began.is_set():
            second_began.set()
            second_ended.wait(0.3)
        return original(*args, **options)

    def second() -> object:
        if not second_began.wait(10):
            raise TimeoutError(f"the first task never called {at[1]}")
        try:
            return tasks[1]()
        finally:
            second_ended.set()

    monkeypatch.setattr(*at, stopped)
    return at_once(tasks[0], second)
