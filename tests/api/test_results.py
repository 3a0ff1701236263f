"""Results are published once all is done, stay as they were, and are taken back only with a reason."""

import hashlib
import json
from datetime import timedelta

import pytest

from core import db, phases, rank_history, reruns, rescoring
from core.competitions import find_phase
from core.errors import ResultsPublishedError
from core.lifecycle import BoardVisibility, SubmissionState
from core.models import AuditEvent, Submission, Team, utc_now
from core.settings import get_settings
from tests.support.api import HIDDEN, PHASE, add_baselines, add_finished, on_both_databases
from tests.support.competition import HONEST

URN = "urn:lethe:problem:"


def _change(phase_slug="check", **changes):
    with db.transaction() as session:
        phase = find_phase(session, "faces", phase_slug)
        for name, value in changes.items():
            setattr(phase, name, value)


@pytest.fixture
def closed(client, competition, ada, make_participant):
    """A phase that has closed, with two teams and the baselines."""
    submissions = [
        add_finished(ada.user, "check", 0.05),
        add_finished(make_participant("bob").user, "check", 0.15),
    ]
    add_baselines("check")
    _change(closes_at=utc_now())
    return submissions


def _publish(client, organizer, phase=PHASE):
    return client.post(f"{phase}/results", headers=organizer.headers)


@on_both_databases
def test_results_file_is_what_its_hash_says_and_what_is_served(client, closed, olga):
    board = client.get(f"{PHASE}/leaderboard").json()
    published = _publish(client, olga)
    assert published.status_code == 201
    sha256 = published.json()["results_sha256"]
    file = client.get(f"{PHASE}/results")
    assert hashlib.sha256(file.content).hexdigest() == sha256
    assert file.headers["etag"] == f'"{sha256}"'
    same = client.get(f"{PHASE}/results", headers={"If-None-Match": f'"{sha256}"'})
    assert (same.status_code, same.content) == (304, b"")
    frozen = json.loads(file.content)
    assert [row["team"] for row in frozen["board"]["rows"]] == ["bob", "ada"]
    assert len(frozen["submissions"]) == 2
    assert frozen["rules"]["scoring_version"] == "neurips2023-1"
    after = client.get(f"{PHASE}/leaderboard").json()
    assert (after["rows"], after["baselines"]) == (board["rows"], board["baselines"])
    assert after["results_sha256"] == sha256


def test_published_board_stays_as_it_was(client, closed, olga):
    _publish(client, olga)
    before = client.get(f"{PHASE}/leaderboard").json()
    with db.transaction() as session:
        for submission in session.query(Submission):
            submission.disqualified_at = utc_now()
        for team in session.query(Team):
            team.name = f"renamed {team.name}"
    assert client.get(f"{PHASE}/leaderboard").json() == before
    page = client.get("/competitions/faces/phases/check/leaderboard").text
    assert before["results_sha256"] in page


def _still_open(_closed):
    _change(closes_at=utc_now() + timedelta(days=1))


def _no_end(_closed):
    _change(closes_at=None)


def _being_rescored(_closed):
    _change(rescoring_version="test-2")


def _unfinished(closed):
    with db.transaction() as session:
        session.get_one(Submission, closed[0].id).state = SubmissionState.SCORING


@pytest.mark.parametrize("spoil", [_still_open, _no_end, _being_rescored, _unfinished])
def test_publication_is_refused_while_anything_may_change(client, closed, olga, spoil):
    spoil(closed)
    refused = _publish(client, olga)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{URN}publication-refused")
    assert client.get(f"{PHASE}/results").status_code == 404


def _migration_into(slug):
    with db.transaction() as session:
        phases.advance(session, utc_now())
    with db.reading() as session:
        phase_id = find_phase(session, "faces", slug).id
        return session.query(Submission).filter(Submission.phase_id == phase_id).all()


def test_publication_waits_for_what_is_still_to_migrate(client, closed, olga):
    _change("feedback", auto_migrate=True, closes_at=utc_now())
    _unfinished(closed)
    refused = _publish(client, olga, HIDDEN)
    assert (refused.status_code, refused.json()["type"]) == (409, f"{URN}publication-refused")
    assert "what the teams selected in Check" in refused.json()["detail"]
    with db.transaction() as session:
        session.get_one(Submission, closed[0].id).state = SubmissionState.FINISHED
    assert len(_migration_into("feedback")) == 2


def test_nothing_migrates_into_a_published_phase(client, closed, olga):
    _change("check", closes_at=utc_now() + timedelta(days=1))
    _change("feedback", auto_migrate=True, closes_at=utc_now())
    assert _publish(client, olga, HIDDEN).status_code == 201
    _change("check", closes_at=utc_now())
    assert _migration_into("feedback") == []
    client.delete(f"{HIDDEN}/results?reason=early", headers=olga.headers)
    assert len(_migration_into("feedback")) == 2


def test_rescoring_that_failed_does_not_stop_publication(client, closed, olga):
    _change(rescoring_version="test-2", rescoring_problem="a bug")
    assert _publish(client, olga).status_code == 201


def test_published_phase_takes_nothing_and_is_not_changed(client, closed, ada, olga):
    _publish(client, olga)
    again = _publish(client, olga)
    assert (again.status_code, again.json()["type"]) == (409, f"{URN}results-published")
    _change(closes_at=utc_now() + timedelta(days=1))
    upload = client.post(f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers)
    assert upload.status_code == 409
    with db.transaction() as session, pytest.raises(ResultsPublishedError):
        rescoring.request(session, find_phase(session, "faces", "check").id)
    address = f"/api/v1/submissions/{closed[0].id}/baseline"
    assert client.put(address, json={"name": "x"}, headers=olga.headers).status_code == 409


def test_publication_and_its_end_are_in_the_audit_log(client, closed, olga):
    sha256 = _publish(client, olga).json()["results_sha256"]
    assert client.delete(f"{PHASE}/results", headers=olga.headers).status_code == 422
    taken = client.delete(f"{PHASE}/results?reason=wrong+data", headers=olga.headers)
    assert taken.json()["results_sha256"] is None
    assert client.delete(f"{PHASE}/results?reason=again", headers=olga.headers).status_code == 404
    with db.reading() as session:
        first, second = session.query(AuditEvent).filter(AuditEvent.action.like("results.%")).order_by("at")
    assert (first.actor_name, first.after["sha256"]) == ("olga", sha256)
    assert (second.reason, second.before["sha256"]) == ("wrong data", sha256)


def test_published_numbers_have_the_decimals_of_the_phase(client, competition, ada, olga):
    add_finished(ada.user, "feedback", 0.31415926, seconds=23.7)
    _change("feedback", closes_at=utc_now(), score_decimals=3)
    _publish(client, olga, HIDDEN)
    file = client.get(f"{HIDDEN}/results").text
    assert "0.314" in file
    assert "0.3141" not in file
    assert "23.7" not in file


def test_winners_are_announced_after_publication_and_shown(client, closed, olga):
    address = "/api/v1/competitions/faces/winners"
    winners = [
        {"team": "ada", "place": 2, "prize": "", "note": ""},
        {"team": "bob", "place": 1, "prize": "1,000 €", "note": "<b>"},
    ]
    early = client.put(address, json=winners, headers=olga.headers)
    assert (early.status_code, early.json()["type"]) == (409, f"{URN}winners-refused")
    _publish(client, olga)
    announced = client.put(address, json=winners, headers=olga.headers)
    assert [one["team"] for one in announced.json()] == ["bob", "ada"]
    page = client.get("/competitions/faces/phases/check/leaderboard").text
    assert "1,000 €" in page
    assert "&lt;b&gt;" in page
    assert [one["team"] for one in client.get("/api/v1/competitions/faces").json()["winners"]] == [
        "bob",
        "ada",
    ]
    client.delete(f"{PHASE}/results?reason=a+fault", headers=olga.headers)
    assert client.get("/api/v1/competitions/faces").json()["winners"] == []
    assert "1,000 €" not in client.get("/competitions/faces").text
    _publish(client, olga)
    assert "1,000 €" in client.get("/competitions/faces").text
    unknown = [{"team": "nobody", "place": 1}]
    assert client.put(address, json=unknown, headers=olga.headers).status_code == 409
    assert client.put(address, json=[], headers=olga.headers).json() == []


def test_baseline_of_an_organizer_stands_apart_and_can_rank_again(client, closed, ada, olga):
    address = f"/api/v1/submissions/{closed[1].id}/baseline"
    assert client.put(address, json={"name": "fine-tuning"}, headers=ada.headers).status_code in (403, 404)
    assert client.put(address, json={"name": "Ceiling"}, headers=olga.headers).status_code == 409
    marked = client.put(address, json={"name": "fine-tuning"}, headers=olga.headers)
    assert marked.json()["baseline_name"] == "fine-tuning"
    other = f"/api/v1/submissions/{closed[0].id}/baseline"
    assert client.put(other, json={"name": "fine-tuning"}, headers=olga.headers).status_code == 409
    board = client.get(f"{PHASE}/leaderboard").json()
    assert [row["team"] for row in board["rows"]] == ["ada"]
    assert [row["name"] for row in board["baselines"]] == ["ceiling", "fine-tuning", "floor"]
    assert client.delete(address, headers=olga.headers).json()["baseline_name"] is None
    assert len(client.get(f"{PHASE}/leaderboard").json()["rows"]) == 2


def test_history_tells_who_took_which_rank(client, competition, ada, make_participant):
    bob, start = make_participant("bob"), utc_now() - timedelta(days=9)
    for day, (who, score) in enumerate([(ada, 0.1), (bob, 0.2), (ada, 0.05), (ada, 0.3)]):
        add_finished(who.user, "check", score, created_at=start + timedelta(days=day))
    history = client.get(f"{PHASE}/leaderboard/history?limit=2")
    following = history.headers["link"].partition(">")[0].lstrip("<")
    changes = history.json()["changes"] + client.get(following).json()["changes"]
    assert [(one["team"], one["rank"], one["previous_rank"]) for one in changes] == [
        ("ada", 1, None),
        ("bob", 1, None),
        ("ada", 1, 2),
    ]
    assert changes[0]["at"].startswith(f"{start + timedelta(minutes=5):%Y-%m-%dT%H:%M:%S}")


def test_history_is_replayed_once_for_all_who_ask_and_each_sees_their_part(
    client, competition, ada, make_participant, monkeypatch
):
    monkeypatch.setenv("LETHE_BOARD_AGE_S", "60")
    get_settings.cache_clear()
    replay, replays = rank_history._replay, []
    monkeypatch.setattr(rank_history, "_replay", lambda *one: replays.append(1) or replay(*one))
    add_finished(ada.user, "check", 0.1)
    add_finished(make_participant("bob").user, "check", 0.2)

    def seen(headers=None):
        found = client.get(f"{PHASE}/leaderboard/history", headers=headers).json()["changes"]
        return [(one["team"], one["rank"]) for one in found]

    assert sorted(seen()) == [("ada", 1), ("bob", 1)]
    _change(board_visibility=BoardVisibility.OWN)
    assert (seen(ada.headers), seen()) == ([("ada", None)], [])
    _change(board_visibility=BoardVisibility.HIDDEN)
    assert seen(ada.headers) == []
    assert replays == [1]


def test_history_of_a_hidden_phase_bears_the_times_of_submission(client, competition, ada):
    at = utc_now() - timedelta(days=1)
    add_finished(ada.user, "feedback", 0.1, created_at=at)
    (change,) = client.get(f"{HIDDEN}/leaderboard/history").json()["changes"]
    assert change["at"].startswith(f"{at:%Y-%m-%dT%H:%M:%S}")


def test_csv_quotes_what_a_spreadsheet_would_run(client, competition, make_participant):
    add_finished(make_participant("=1+1").user, "check", 0.1, filename="@a.py")
    response = client.get(f"{PHASE}/leaderboard.csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert ",'@a.py," in response.text
    assert "1,'=1+1,'=1+1," in response.text


@on_both_databases
@pytest.mark.parametrize("change", [reruns.rerun, reruns.disqualify, reruns.restore])
def test_published_phase_takes_no_ruling_of_an_organizer(client, closed, olga, change):
    _publish(client, olga)
    with db.transaction() as session, pytest.raises(ResultsPublishedError):
        change(session, closed[0].id, actor=olga.user, reason="late")
    client.delete(f"{PHASE}/results?reason=ruling", headers=olga.headers)
    with db.transaction() as session:
        change(session, closed[0].id, actor=olga.user, reason="late")


def test_rerun_keeps_the_moment_at_which_its_team_made_the_submission(client, closed, olga):
    with db.transaction() as session:
        again = reruns.rerun(session, closed[0].id, actor=olga.user)
        assert again.created_at == closed[0].created_at
