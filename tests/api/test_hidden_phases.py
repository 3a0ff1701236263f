"""No route gives back what participant code could influence in a hidden phase, to anybody but organizers."""

import base64
import re
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy import update

from api.permissions import TABLE, Audience
from core import db, submissions
from core.competitions import find_phase
from core.lifecycle import Verdict
from core.models import Run, Score
from core.storage import storage
from tests.support.api import HIDDEN, PHASE, Participant, add_baselines, add_finished, on_both_databases
from tests.support.competition import HONEST, numbers
from tests.support.crawler import crawl, encodings, find

LOG, MESSAGE, REPORT = "canary-of-the-log-7f3a", "canary-of-the-message-19c4", "canary-of-the-report-aa05"
SECONDS, SCORE = "23.718281828", "0.314159265"  # durations and scores carry digits
CANARIES = (LOG, MESSAGE, REPORT, SECONDS, SCORE)
_CLOSED = [
    re.sub("{[^}]+}", "[^/]+", address.removeprefix("GET "))
    for address, rule in TABLE.items()
    if address.startswith("GET /api/") and rule.audience in {Audience.ORGANIZER, Audience.ADMIN}
]
CLOSED = re.compile("|".join(_CLOSED))


class Planted(NamedTuple):
    owner: Participant
    parameters: dict[str, list[str]]


@pytest.fixture
def plant(client, make_competition, make_participant):
    """A phase where participant code left canaries wherever it can: with a score, a failure, a start."""

    def plant(phase):
        make_competition()
        with db.transaction() as session:
            find_phase(session, "faces", "feedback").score_decimals = 3
        owner = make_participant("ada")
        ids = [_upload(client, phase, owner, number) for number in range(3)]
        _run(ids[0], Verdict.OK)
        _run(ids[1], Verdict.NONZERO_EXIT)
        _run(ids[2], None)
        artifact, report = storage().put(f"artifact {REPORT}".encode()), storage().put(REPORT.encode())
        with db.transaction() as session:
            submissions.record_score(session, ids[0], Score(**_numbers()))
            session.execute(update(Score).values(artifact_sha256=artifact, report_sha256=report))
        parameters = {"competition": ["faces"], "phase": ["check", "feedback"]}
        parameters["submission_id"] = [str(one) for one in ids]
        with db.reading() as session:
            parameters["team_id"] = [str(submissions.find(session, ids[0]).team_id)]
        parameters["webhook_id"] = [str(uuid4())]
        return Planted(owner, parameters)

    return plant


def _upload(client, phase, owner, number):
    files = {"file": ("submission.py", HONEST + f"# {number}\n".encode())}
    return UUID(client.post(f"{phase}/submissions", files=files, headers=owner.headers).json()["id"])


def _run(submission_id, ending):
    """Run a submission: to its end, to a failure in run 2, or, with None, not to an end."""
    for index in range(3 if ending is not Verdict.OK else 4):
        failed = index == 2 and ending is not None
        verdict = (ending or Verdict.OK) if failed else Verdict.OK
        with db.transaction() as session:
            submissions.begin(session, submission_id)
            outcome = submissions.RunResult(
                verdict,
                float(SECONDS),
                message=f"Error: {MESSAGE}" if verdict is not Verdict.OK else "",
            )
            submissions.record_run(session, submission_id, index, outcome)
    log = f"{LOG}\n{base64.b64encode(b'a' + LOG.encode()).decode()}\n{LOG.encode().hex().upper()}"
    with db.transaction() as session:  # as if they had been stored: a phase may have shown them before
        session.execute(update(Run).where(Run.submission_id == submission_id).values(log=log))


def _numbers():
    exact = float(SCORE)
    names = [name for name, value in numbers(0.1).items() if isinstance(value, float)]
    return numbers(exact) | dict.fromkeys(names, exact)


def _everybody(client, planted, make_participant):
    return {
        "owner": crawl(client, planted.parameters, planted.owner.headers),
        "another": crawl(client, planted.parameters, make_participant("bob").headers),
        "anybody": crawl(client, planted.parameters),
    }


@on_both_databases
def test_hidden_phase_gives_nobody_any_participant_bytes(client, plant, make_participant):
    planted = plant(HIDDEN)
    for who, visits in _everybody(client, planted, make_participant).items():
        assert find(CANARIES, visits) == [], who
        assert [visit for visit in visits if visit.status >= 500] == []


def test_organizers_answers_are_closed_to_participants(client, plant, make_participant):
    planted = plant(HIDDEN)
    for who, visits in _everybody(client, planted, make_participant).items():
        closed = [visit for visit in visits if CLOSED.fullmatch(visit.path)]
        assert len(closed) > 20
        assert {visit.status for visit in closed} <= {401, 403, 404}, who


def test_phase_that_shows_logs_gives_them_to_their_owner_alone(client, plant, make_participant):
    """The control: where there is something to find, the walk finds it."""
    planted = plant(PHASE)
    visits = _everybody(client, planted, make_participant)
    seen = find(CANARIES, visits["owner"])
    assert {sighting.canary for sighting in seen} == {LOG, MESSAGE, SECONDS, SCORE}
    assert {"raw", "hex", "base64+1"} <= {sighting.encoding for sighting in seen}
    assert {sighting.path.rsplit("/", 1)[1] for sighting in seen if sighting.canary == LOG} == {"runs", "log"}
    for who in ("another", "anybody"):
        # The leaderboard shows scores and durations as they are, since this phase hides nothing.
        assert {sighting.canary for sighting in find(CANARIES, visits[who])} == {SECONDS, SCORE}


def test_walk_reaches_every_get_route(application, client, plant):
    planted = plant(HIDDEN)
    visited = [visit.path.split("?")[0] for visit in crawl(client, planted.parameters)]
    missed = [
        context.path
        for context in iter_route_contexts(application.routes)
        if isinstance(context.original_route, APIRoute)
        and "GET" in context.methods
        and not any(re.fullmatch(re.sub("{[^}]+}", "[^/]+", context.path), path) for path in visited)
    ]
    assert missed == [
        "/api/v1/submissions/{submission_id}/events"
    ]  # a stream of what the address above it says


@pytest.mark.parametrize("shift", range(3))
def test_canary_is_found_in_base64_at_every_alignment(shift):
    code = base64.b64encode(b"x" * shift + LOG.encode() + b"yz")
    assert any(needle in code for name, needle in encodings(LOG).items() if name.startswith("base64"))


def test_runs_of_a_hidden_phase_are_not_counted_while_they_run(client, plant):
    planted = plant(HIDDEN)
    finished, failed, running = planted.parameters["submission_id"]

    def show(submission_id, suffix=""):
        address = f"/api/v1/submissions/{submission_id}{suffix}"
        return client.get(address, headers=planted.owner.headers).json()

    counts = [show(one)["runs_done"] for one in (finished, failed, running)]
    assert counts == [4, 0, 0]
    listed = [[run["run_index"] for run in show(one, "/runs")["runs"]] for one in (finished, failed, running)]
    assert listed == [[], [2], []]


def test_scores_are_rounded_as_the_phase_says_and_ranked_as_they_are(client, competition, make_participant):
    add_baselines("feedback", ceiling=0.17654321)
    for name, score in (("ada", 0.12341), ("bob", 0.12344), ("cyd", 0.12336)):
        add_finished(make_participant(name).user, "feedback", score, retain_ratio=1.0567891)
    with db.transaction() as session:
        find_phase(session, "faces", "feedback").score_decimals = 2
    board = client.get(f"{HIDDEN}/leaderboard").json()
    assert [row["team"] for row in board["rows"]] == ["bob", "ada", "cyd"]
    for row in [*board["rows"], *board["baselines"]]:
        for shown in (row["score"], *row["scores"].values()):
            numbers_shown = [value for value in shown.values() if isinstance(value, float)]
            assert numbers_shown == [round(value, 2) for value in numbers_shown]
    assert board["rows"][0]["score"]["final_score"] == 0.12
    assert board["rows"][0]["score"]["retain_ratio"] == 1.06
    assert {row["ceiling_share"] for row in board["rows"]} == {round(0.12 / 0.18, 2)}
    assert client.get(HIDDEN).json()["score_decimals"] == 2
    page = client.get("/competitions/faces/phases/feedback/leaderboard").text
    assert ">0.12<" in page
    assert "0.123" not in page
