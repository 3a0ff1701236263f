"""Competitions and phases, as the API describes them."""

import pytest

from core import db
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import ReferenceModel
from tests.support.api import PHASE, on_both_databases


@on_both_databases
def test_list_holds_every_competition_with_its_phases_in_order(client, competition):
    (faces,) = client.get("/api/v1/competitions").json()["competitions"]
    assert {key: faces[key] for key in ("slug", "title", "description")} == {
        "slug": "faces",
        "title": "Faces",
        "description": "Forget some people.",
    }
    assert [phase["slug"] for phase in faces["phases"]] == ["check", "feedback"]
    assert client.get("/api/v1/competitions/faces").json() == faces | {
        "terms": "",
        "pages": [],
        "image_sha256": None,
        "winners": [],
    }


def test_list_without_competitions_is_empty(client):
    assert client.get("/api/v1/competitions").json() == {"competitions": []}


def test_open_phase_accepts_and_says_its_limits(client, make_competition):
    make_competition(limits={"upload_bytes": 1000})
    phase = client.get(PHASE).json()
    limits = phase.pop("limits")
    assert limits["upload_bytes"] == 1000
    assert limits.keys() == {
        "run_timeout_s",
        "run_timeout_share",
        "total_timeout_s",
        "memory_bytes",
        "processes",
        "scratch_bytes",
        "log_bytes",
        "upload_bytes",
        "device",
        "isolation",
    }
    assert phase == {
        "competition": "faces",
        "slug": "check",
        "title": "Check",
        "state": "ready",
        "n_models": 4,
        "opens_at": "2000-01-01T00:00:00Z",
        "closes_at": None,
        "description": "",
        "uploads": True,
        "auto_migrate": False,
        "max_selected": 1,
        "quotas": {"per_day": None, "total": None, "concurrent": None},
        "board_rule": "best",
        "board_visibility": "public",
        "published_at": None,
        "show_logs": True,
        "score_decimals": None,
        "scoring_version": "neurips2023-1",
        "preparation": {"done": 0, "total": 9},
        "accepting": True,
        "reason": None,
    }


@on_both_databases
def test_phase_in_preparation_says_how_far_it_is(client, make_competition):
    make_competition(state=PhaseState.PREPARING)
    with db.transaction() as session:
        phase = find_phase(session, "faces", "check")
        phase.original_sha256 = phase.reference_key = "a" * 64
        for set_index, model_index in ((0, 0), (0, 1), (1, 0)):
            session.add(
                ReferenceModel(
                    reference_key="a" * 64,
                    set_index=set_index,
                    model_index=model_index,
                    evaluation_sha256="b" * 64,
                    seconds=1.0,
                )
            )
    answer = client.get(PHASE).json()
    assert answer["preparation"] == {"done": 4, "total": 9}
    assert answer["accepting"] is False
    assert "still being prepared" in answer["reason"]


def test_broken_phase_says_so_without_the_reason(client, make_competition):
    make_competition(state=PhaseState.BROKEN)
    with db.transaction() as session:
        find_phase(session, "faces", "check").problem = "disk /dev/sdb1 is full"
    response = client.get(PHASE)
    assert response.json()["state"] == "broken"
    assert "could not be prepared" in response.json()["reason"]
    assert "sdb1" not in response.text


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/faces/phases/nowhere", "/nowhere/phases/check", "/%00", "/faces/phases/" + "a" * 65],
)
def test_unknown_competition_or_phase_is_not_found(client, competition, path):
    response = client.get(f"/api/v1/competitions{path}")
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == "urn:lethe:problem:not-found"
