"""The leaderboard, for programs."""

import pytest

from tests.support.api import (
    HIDDEN,
    PHASE,
    add_baselines,
    add_finished,
    on_both_databases,
)
from tests.support.competition import HONEST, numbers


@on_both_databases
def test_leaderboard_ranks_the_best_of_each_participant_beside_the_baselines(
    client, competition, ada, make_participant
):
    bob = make_participant("bob")
    add_finished(ada.user, "check", 0.05)
    best = add_finished(ada.user, "check", 0.09, filename="better.py", seconds=2.5)
    add_finished(bob.user, "check", 0.15)
    add_finished(bob.user, "feedback", 0.99)
    add_baselines("check")
    client.post(f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers)
    answer = client.get(f"{PHASE}/leaderboard").json()
    assert [(row["rank"], row["team"]) for row in answer["rows"]] == [(1, "bob"), (2, "ada")]
    assert answer["rows"][1] == {
        "rank": 2,
        "team_id": str(best.team_id),
        "team": "ada",
        "members": ["ada"],
        "submission_id": str(best.id),
        "filename": "better.py",
        "submitted_at": answer["rows"][1]["submitted_at"],
        "mean_run_seconds": 2.5,
        "runtime_share": None,
        "ceiling_share": pytest.approx(0.09 / 0.17),
        "tied_with_leader": None,
        "score": numbers(0.09),
        "scores": {"neurips2023-1": numbers(0.09)},
    }
    assert [(row["name"], row["score"]["final_score"]) for row in answer["baselines"]] == [
        ("ceiling", 0.17),
        ("floor", 0.0),
    ]
    assert answer["n_waiting"] == 1
    assert (answer["competition"], answer["phase"], answer["state"], answer["n_models"]) == (
        "faces",
        "check",
        "ready",
        4,
    )


def test_leaderboard_of_nobody_is_empty(client, competition):
    answer = client.get(f"{PHASE}/leaderboard").json()
    assert (answer["rows"], answer["baselines"], answer["n_waiting"]) == ([], [], 0)


@pytest.mark.parametrize(("seconds", "shown"), [(0.01, 1.0), (1.0, 1.0), (3.0, 4.0), (4.0, 4.0), (4.1, 8.0)])
def test_hidden_phase_shows_durations_in_buckets_only(client, competition, ada, seconds, shown):
    add_finished(ada.user, "feedback", 0.1, seconds=seconds)
    (row,) = client.get(f"{HIDDEN}/leaderboard").json()["rows"]
    assert row["mean_run_seconds"] == shown


def test_leaderboard_is_sent_again_only_when_it_has_changed(client, competition, ada):
    etag = client.get(f"{PHASE}/leaderboard").headers["etag"]
    same = client.get(f"{PHASE}/leaderboard", headers={"If-None-Match": etag})
    assert (same.status_code, same.content) == (304, b"")
    add_finished(ada.user, "check", 0.05)
    changed = client.get(f"{PHASE}/leaderboard", headers={"If-None-Match": etag})
    assert (changed.status_code, len(changed.json()["rows"])) == (200, 1)
    assert changed.headers["etag"] != etag
