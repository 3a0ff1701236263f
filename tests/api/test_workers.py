"""What organizers, and nobody else, learn of the worker hosts."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from core import db, nodes
from core.models import Node, utc_now
from tests.support.api import on_both_databases
from tests.support.competition import make_phase

API, PAGE = "/api/v1/workers", "/organizers/workers"
IMAGE = f"sha256:{'ab' * 32}"
FINDING = {
    "name": "runc",
    "holds": False,
    "detail": "runc 1.1.5 has a known escape",
    "severity": "development_only",
}


@pytest.fixture
def workers(client):
    """Three worker hosts: one at work, one that refuses, one that is lost."""
    with db.transaction() as session:
        for name in ("alpha", "beta", "gamma"):
            nodes.begin(session, name, slots=4)
        proof = nodes.Proof("docker", IMAGE, "development", [FINDING])
        nodes.make_ready(session, "alpha", proof)
        nodes.refuse(session, "beta", "the bubblewrap sandbox does not hold: <b>devices</b>: /dev/mem opens")
        nodes.make_ready(session, "gamma", proof)
        past = utc_now() - timedelta(minutes=2)
        session.execute(update(Node).where(Node.name == "gamma").values(seen_at=past))


@on_both_databases
def test_organizers_are_told_what_each_worker_proved_or_why_it_refuses(client, workers, olga):
    found = client.get(API, headers=olga.headers).json()["workers"]
    assert [(one["name"], one["state"]) for one in found] == [
        ("alpha", "ready"),
        ("beta", "refusing"),
        ("gamma", "lost"),
    ]
    alpha, beta, _ = found
    assert (alpha["sandbox"], alpha["image"], alpha["mode"]) == ("docker", IMAGE, "development")
    assert (alpha["findings"], alpha["problem"], alpha["slots"]) == ([FINDING], "", 4)
    assert beta["problem"].endswith("/dev/mem opens")


def test_page_says_the_same_and_trusts_no_words(client, workers, olga):
    response = client.get(PAGE, headers=olga.headers)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    for words in (IMAGE, "runc 1.1.5 has a known escape", "state-refusing", "state-lost", "Not seen since"):
        assert words in response.text
    assert "does not hold: &lt;b&gt;devices&lt;/b&gt;: /dev/mem opens" in response.text


def test_page_without_any_worker_says_how_to_start_one(client, olga):
    page = client.get(PAGE, headers=olga.headers)
    assert "No worker has ever started" in page.text


def test_page_is_closed_to_everybody_but_admins(client, workers, ada):
    tries = ({}, {"Authorization": "Basic 8A=="}, ada.headers)
    answers = [client.get(PAGE, headers=one, follow_redirects=False) for one in tries]
    assert [answer.status_code for answer in answers] == [303, 401, 403]
    assert not any("alpha" in answer.text for answer in answers)


def test_api_is_closed_to_participants(client, workers, ada):
    assert client.get(API).status_code == 401
    assert client.get(API, headers=ada.headers).status_code == 403


@on_both_databases
def test_phase_that_waits_for_a_gpu_is_told_until_a_worker_has_one(client, workers, olga):
    make_phase(limits={"device": "cuda"}, ready=False)
    (waits,) = client.get(API, headers=olga.headers).json()["unserved"]
    assert waits == {"competition": "demo", "phase": "check", "shards": 1, "needs": "cuda", "image": None}
    page = client.get(PAGE, headers=olga.headers).text
    assert "1 shard waits in demo/check:" in page
    assert "LETHE_SANDBOX_GPUS=0 python -m worker" in page
    with db.transaction() as session:
        nodes.begin(session, "delta", slots=2, gpus=("0", "1"))
    assert client.get(API, headers=olga.headers).json()["unserved"] == [waits]
    with db.transaction() as session:
        nodes.make_ready(session, "delta", nodes.Proof("docker", IMAGE))
    found = client.get(API, headers=olga.headers).json()
    assert found["unserved"] == []
    assert [one["gpus"] for one in found["workers"] if one["name"] == "delta"] == [["0", "1"]]
    assert "on GPU 0, 1" in client.get(PAGE, headers=olga.headers).text


def test_work_that_needs_no_gpu_waits_for_a_worker_without(client, olga):
    make_phase(ready=False)
    with db.transaction() as session:
        nodes.begin(session, "delta", slots=1, gpus=("0",))
        nodes.make_ready(session, "delta", nodes.Proof("docker", IMAGE))
    (waits,) = client.get(API, headers=olga.headers).json()["unserved"]
    assert waits["needs"] == "cpu"
    assert "no worker without GPUs takes work" in client.get(PAGE, headers=olga.headers).text
