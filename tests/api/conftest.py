"""A client of the application, with a real broker behind it, and somebody and something to talk about."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from core import accounts, competitions, db, queue
from core.competitions import CompetitionSpec
from core.lifecycle import PhaseState
from tests.support.api import Participant
from tests.support.valkey import broker_url, valkey_server  # noqa: F401


@pytest.fixture
def database_url(empty_postgres: str) -> str:
    """URL that `installation` uses: SQLite needs none, it comes with `home`."""
    return empty_postgres


@pytest.fixture
def database(request: pytest.FixtureRequest, home: Path) -> None:
    """Migrated database: SQLite, and PostgreSQL too for a test marked `on_both_databases`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        request.getfixturevalue("installation")


@pytest.fixture(scope="session")
def application() -> FastAPI:
    """Return the application; it holds no state of its own."""
    return create_app()


@pytest.fixture
def broker(broker_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: F811
    """Let messages go to a broker that answers."""
    app = queue.make_app(broker_url)
    monkeypatch.setattr(queue, "app", app)
    yield
    app.close()


@pytest.fixture
def client(application: FastAPI, database: None, broker: None) -> Iterator[TestClient]:
    """Client of the application."""
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def make_competition(client: TestClient) -> Callable[..., None]:
    """Return a function that creates the competition `faces` with an open and a hidden phase."""

    def make(*, state: PhaseState = PhaseState.READY, **changes: Any) -> None:
        shared = {"n_models": 4, "runs_per_shard": 2, "dataset": {"kind": "synthetic"}, **changes}
        phases = [
            {"slug": "check", "name": "Check", "show_logs": True, **shared},
            {"slug": "feedback", "name": "Feedback", **shared},
        ]
        faces = {"slug": "faces", "title": "Faces", "description": "Forget some people.", "phases": phases}
        with db.transaction() as session:
            created = competitions.create(session, CompetitionSpec.model_validate({"version": 2, **faces}))
            for phase in created.phases:
                phase.state = state

    return make


@pytest.fixture
def competition(make_competition: Callable[..., None]) -> None:
    """Create the competition `faces`; its phases are ready."""
    make_competition()


@pytest.fixture
def make_participant(client: TestClient) -> Callable[..., Participant]:
    """Return a function that creates a user with a token."""

    def make(name: str, *, admin: bool = False) -> Participant:
        with db.transaction() as session:
            made = accounts.create_user(session, name, admin=admin)
        return Participant(made.user, {"Authorization": f"Bearer {made.token}"})

    return make


@pytest.fixture
def ada(make_participant: Callable[[str], Participant]) -> Participant:
    """Create the user `ada`."""
    return make_participant("ada")


@pytest.fixture
def olga(make_participant: Callable[..., Participant]) -> Participant:
    """Create the organizer `olga`."""
    return make_participant("olga", admin=True)
