"""The health checks: honest, quick, and silent about addresses."""

import shutil
import socket
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, text, update

from api.routes import health
from core import db, nodes, queue
from core.models import Node, utc_now
from tests.support.api import on_both_databases
from tests.support.competition import make_phase

ALL_OK = {"database": "ok", "migrations": "ok", "broker": "ok", "storage": "ok", "workers": "ok"}


@pytest.fixture
def client(client):
    """A client of an installation with a worker that takes work."""
    with db.transaction() as session:
        nodes.begin(session, "worker-1", slots=1)
        nodes.make_ready(session, "worker-1", nodes.Proof(sandbox="bubblewrap"))
    return client


def test_process_is_alive_without_any_surroundings(client, home):
    shutil.rmtree(home)
    assert client.get("/healthz").json() == {"status": "alive"}


@on_both_databases
def test_ready_when_everything_answers(client):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "checks": ALL_OK, "reasons": {}})


def test_not_ready_without_the_broker(client, home, monkeypatch):
    down = queue.make_app(f"redis+socket://{home / 'nobody-listens.sock'}")
    monkeypatch.setattr(queue, "app", down)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "checks": ALL_OK | {"broker": "failed"},
        "reasons": {"broker": "The broker does not answer; uploads are accepted and wait."},
    }
    assert "nobody-listens" not in response.text


def test_not_ready_when_the_storage_cannot_be_written(client, home):
    (home / "storage").write_text("a file where the folder should be")
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]) == (503, ALL_OK | {"storage": "failed"})


@on_both_databases
def test_not_ready_at_another_schema_version(client):
    with db.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'older'"))
    response = client.get("/readyz")
    assert (response.status_code, response.json()["checks"]) == (503, ALL_OK | {"migrations": "failed"})


def test_not_ready_without_the_database(client, monkeypatch):
    lost = db.make_engine("sqlite:////nowhere/lethe.db")
    with monkeypatch.context() as patch:
        patch.setattr(db, "engine", lambda: lost)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == ALL_OK | dict.fromkeys(
        ("database", "migrations", "workers"), "failed"
    )
    assert "nowhere" not in response.text


@pytest.fixture
def silent_server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_broker_that_never_answers_is_given_up_after_the_time_limit(client, silent_server, monkeypatch):
    monkeypatch.setattr(health, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(queue, "app", queue.make_app(f"redis://127.0.0.1:{silent_server}/0"))
    start = time.monotonic()
    response = client.get("/readyz")
    assert response.json()["checks"] == ALL_OK | {"broker": "failed"}
    assert time.monotonic() - start < 5


def test_readiness_waits_for_no_writer(client):
    with db.transaction() as session:
        session.execute(text("UPDATE phase SET title = title"))
        start = time.monotonic()
        assert client.get("/readyz").status_code == 200
        assert time.monotonic() - start < 5


def _no_worker():
    with db.transaction() as session:
        session.execute(delete(Node))


def _refuses():
    with db.transaction() as session:
        nodes.refuse(session, "worker-1", "the probe `mounts` LEAKS: /secret can be seen")


def _is_lost():
    with db.transaction() as session:
        session.execute(update(Node).values(seen_at=utc_now() - timedelta(minutes=2)))


def _work_waits_for_a_gpu():
    make_phase(limits={"device": "cuda"}, ready=False)


@on_both_databases
@pytest.mark.parametrize("happen", [_no_worker, _refuses, _is_lost, _work_waits_for_a_gpu])
def test_ready_without_a_worker_says_so_and_no_more(client, happen):
    happen()
    response = client.get("/readyz")
    answer = response.json()
    assert (response.status_code, answer["ready"]) == (200, True)
    assert answer["checks"] == ALL_OK | {"workers": "failed"}
    assert list(answer["reasons"]) == ["workers"]
    assert "Admins see why at /organizers/workers" in answer["reasons"]["workers"]
    assert "secret" not in response.text


def test_one_worker_that_takes_work_is_enough(client):
    _refuses()
    with db.transaction() as session:
        nodes.begin(session, "worker-2", slots=1)
        nodes.make_ready(session, "worker-2", nodes.Proof(sandbox="docker"))
    assert client.get("/readyz").json()["checks"]["workers"] == "ok"
