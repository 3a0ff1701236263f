"""People who play a competition through the public API, and what stands in for the worker hosts."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient
from sqlalchemy import select

from core import db, phases, submissions
from core.models import Phase, Shard, Submission, Work, utc_now
from tests.support.measured import measure, record_run
from worker import scores
from worker.lease import Lease

PASSWORD = "the river of forgetting"
SCORED = {Work.SCORING: scores.score_submission, Work.BASELINES: scores.score_baselines}


@dataclass
class Player:
    """Somebody with an account and a token, at an address of their own."""

    client: TestClient
    name: str
    headers: dict[str, str]

    def ask(self, method: str, path: str, *, status: int = 200, **options: Any) -> Any:
        """Send a request, expect this status, and return what the answer holds."""
        response = self.answer(method, path, **options)
        assert response.status_code == status, (self.name, method, path, response.status_code, response.text)
        is_json = "json" in response.headers.get("content-type", "")
        return response.json() if is_json else response.content

    def answer(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the answer."""
        self.client.cookies.clear()
        headers = self.headers | options.pop("headers", {})
        return self.client.request(method, f"/api/v1{path}", headers=headers, **options)

    def get(self, path: str, **options: Any) -> Any:
        """Read something."""
        return self.ask("GET", path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> Any:
        """Send JSON."""
        return self.ask("POST", path, json=body, **options)

    def upload(self, phase: str, text: str, *, status: int = 202) -> Any:
        """Upload a submission that differs from others by its text."""
        source = f"# {text}\ndef unlearning(net, retain, forget, val):\n    return net\n".encode()
        return self.ask(
            "POST", f"{phase}/submissions", status=status, files={"file": ("submission.py", source)}
        )

    def submission(self, submission_id: str) -> Any:
        """Look how a submission stands."""
        return self.get(f"/submissions/{submission_id}")

    def select(self, submission_id: str) -> None:
        """Choose a submission for the next phase."""
        self.ask("PUT", f"/submissions/{submission_id}/selection")


def arrive(client: TestClient, name: str, *, number: int) -> Player:
    """Register, sign in as a browser does, make a token for everything else, and sign out."""
    stranger = Player(client, name, {"X-Forwarded-For": f"192.0.2.{number}"})
    stranger.post("/accounts", {"name": name, "password": PASSWORD}, status=201)
    signed_in = stranger.post("/session", {"login": name, "password": PASSWORD}, status=201)
    cookie = f"lethe={client.cookies['lethe']}"
    browser = stranger.headers | {"Cookie": cookie, "X-CSRF-Token": signed_in["csrf_token"]}
    scopes = ["read", "submit", "organize", "admin"]
    made = Player(client, name, browser).post("/tokens", {"name": "client", "scopes": scopes}, status=201)
    return Player(client, name, stranger.headers | {"Authorization": f"Bearer {made['token']}"})


def turn_the_clock() -> None:
    """Do what the sweeper does for the phases."""
    with db.transaction() as session:
        phases.advance(session, utc_now())


def work(*, but: frozenset[UUID] = frozenset()) -> None:
    """Do all work that waits, but the runs of some submissions: prepare phases, run, and really score."""
    while waiting := [shard for shard in _open_shards() if shard.submission_id not in but]:
        for shard in waiting:
            if shard.work is Work.PREPARATION:
                measure(_phase(shard.phase_id))
            elif shard.work is Work.RUNS:
                _run(shard)
            else:
                lease = Lease.take(shard.id)
                assert lease is not None
                with lease:
                    SCORED[shard.work](lease)


def fail(submission_id: str) -> None:
    """Give a submission up, as after too many failures of the platform."""
    with db.transaction() as session:
        submissions.give_up(session, UUID(submission_id))


def _open_shards() -> list[Shard]:
    with db.reading() as session:
        return list(session.scalars(select(Shard).where(Shard.done.is_(False)).order_by(Shard.created_at)))


def _phase(phase_id: UUID) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, phase_id)


def _run(shard: Shard) -> None:
    with db.reading() as session:
        submission = session.get_one(Submission, shard.submission_id)
        phase = session.get_one(Phase, shard.phase_id)
    for index in range(shard.start, shard.stop):
        record_run(submission, phase, index)
    with db.transaction() as session:
        session.get_one(Shard, shard.id).done = True
