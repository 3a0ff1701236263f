"""Following a submission: what its owner sees, and what nobody sees."""

from uuid import UUID

import pytest

from core import db, submissions
from core.lifecycle import Verdict
from core.models import Score
from tests.support.api import HIDDEN, PHASE, on_both_databases, run_all
from tests.support.competition import HONEST, numbers

SECRET = "<participant bytes>"


@pytest.fixture
def submit(client, competition, ada):
    def submit(phase=PHASE):
        response = client.post(
            f"{phase}/submissions", files={"file": ("submission.py", HONEST)}, headers=ada.headers
        )
        return UUID(response.json()["id"])

    return submit


def show(client, participant, submission_id, suffix=""):
    return client.get(f"/api/v1/submissions/{submission_id}{suffix}", headers=participant.headers).json()


@on_both_databases
def test_submission_is_followed_from_queued_to_its_score(client, submit, ada):
    submission_id = submit()
    run_all(submission_id)
    answer = show(client, ada, submission_id)
    assert (answer["state"], answer["runs_done"], answer["score"]) == ("scoring", 4, None)
    with db.transaction() as session:
        submissions.record_score(session, submission_id, Score(**numbers(0.125)))
    answer = show(client, ada, submission_id)
    assert (answer["state"], answer["verdict"], answer["message"]) == ("finished", "ok", "")
    assert answer["score"] == numbers(0.125)
    assert answer["created_at"] <= answer["started_at"] <= answer["ended_at"]


@on_both_databases
def test_failed_run_is_explained_with_its_log_where_logs_are_shown(client, submit, ada):
    submission_id = submit()
    run_all(submission_id, verdict=Verdict.NONZERO_EXIT, message=SECRET, log="hello\n")
    answer = show(client, ada, submission_id)
    assert (answer["state"], answer["verdict"]) == ("failed", "nonzero_exit")
    assert answer["message"] == f"Run 0: {SECRET}"
    assert show(client, ada, submission_id, "/runs") == {
        "n_models": 4,
        "runs": [
            {"run_index": 0, "verdict": "nonzero_exit", "seconds": 3.0, "message": SECRET, "log": "hello\n"}
        ],
    }


def test_hidden_phase_shows_the_verdict_and_the_run_and_no_participant_bytes(client, submit, ada):
    submission_id = submit(HIDDEN)
    run_all(submission_id, verdict=Verdict.NONZERO_EXIT, message=SECRET, log=SECRET)
    answer = show(client, ada, submission_id)
    assert (answer["verdict"], answer["message"]) == ("nonzero_exit", "Run 0: The function failed.")
    assert (answer["started_at"], answer["ended_at"]) == (None, None)
    runs = show(client, ada, submission_id, "/runs")["runs"]
    assert runs == [
        {
            "run_index": 0,
            "verdict": "nonzero_exit",
            "seconds": None,
            "message": "The function failed.",
            "log": None,
        }
    ]


@pytest.mark.parametrize("phase", [PHASE, HIDDEN])
def test_platform_error_shows_nothing_of_the_platform(client, submit, ada, phase):
    submission_id = submit(phase)
    run_all(submission_id, verdict=Verdict.PLATFORM_ERROR, message="cannot reach 10.0.0.7")
    answer = show(client, ada, submission_id)
    assert answer["verdict"] == "platform_error"
    assert "does not count" in answer["message"]
    (run,) = show(client, ada, submission_id, "/runs")["runs"]
    assert "10.0.0.7" not in answer["message"] + run["message"]


def test_every_verdict_has_words_for_hidden_phases(client, submit, ada):
    for verdict in set(Verdict) - {Verdict.OK}:
        with db.transaction() as session:
            submission = submissions.find(session, submit(HIDDEN))
            submission.verdict, submission.message = verdict, SECRET
        message = show(client, ada, submission.id)["message"]
        assert message.endswith(".")
        assert SECRET not in message


@pytest.mark.parametrize("suffix", ["", "/runs"])
def test_submission_is_its_owners_alone(client, submit, make_participant, suffix):
    path = f"/api/v1/submissions/{submit()}{suffix}"
    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer lethe_wrong"}).status_code == 401
    other = client.get(path, headers=make_participant("bob").headers)
    assert other.status_code == 404
    assert "There is no submission" in other.json()["detail"]


@pytest.mark.parametrize("name", ["00000000-0000-4000-8000-000000000000", "nonsense", "%00"])
def test_unknown_submission_is_not_found(client, ada, name):
    response = client.get(f"/api/v1/submissions/{name}", headers=ada.headers)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
