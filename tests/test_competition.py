"""A whole competition through the public API: three phases over four months, fifty teams, and its results.

Only the sandbox and the training are stood in for: what models do is drawn, and stored as a worker does.
Lethe itself scores, ranks, migrates, publishes and exports, and a script that imports nothing of it computes
the results again from the export.
"""

import io
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

import scoring.report
from api.app import create_app
from core import accounts, db, passwords
from core.settings import get_settings
from scoring.uncertainty import uncertainty
from tests.support.season import Player, arrive, fail, turn_the_clock, work
from tests.support.season_bundle import make_bundle, moment

pytestmark = pytest.mark.postgres

SCRIPT = Path(__file__).parents[1] / "docs" / "leaderboards" / "recompute.py"
N_TEAMS = 50
COMPETITION = "/competitions/season"
CHECK, FEEDBACK, FINAL = (f"{COMPETITION}/phases/{slug}" for slug in ("check", "feedback", "final"))


@pytest.fixture
def database_url(empty_postgres):
    return empty_postgres


@pytest.fixture
def client(installation, sent, monkeypatch):
    """The API, where passwords are hashed quickly and intervals drawn roughly: neither is what is played."""
    monkeypatch.setenv("LETHE_TRUSTED_PROXIES", "1")
    get_settings.cache_clear()
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(passwords, "hasher", quick)
    monkeypatch.setattr(scoring.report, "uncertainty", partial(uncertainty, n_resamples=10))
    with TestClient(create_app()) as client:
        yield client


class Season:
    """What the acts of the play hand on: who plays, and what time it is."""

    def __init__(self, client, clock):
        self.client, self.clock = client, clock
        self.nobody = Player(client, "nobody", {"X-Forwarded-For": "192.0.2.254"})
        self.teams: list[Player] = []

    def go_to(self, text, *, sweeper_is_late=False):
        self.clock.move_to(moment(text), tick=False)
        if not sweeper_is_late:
            turn_the_clock()

    def pass_a_minute(self):
        self.clock.shift(60)


@pytest.fixture
def season(client):
    with time_machine.travel(moment("2023-06-01 09:00"), tick=False) as clock:
        yield Season(client, clock)


def test_competition_is_played_through_the_api_and_its_results_are_recomputed(season, tmp_path):
    _set_up(season)
    _teams_form(season)
    _play_check(season)
    _merge_and_ban(season)
    _play_feedback(season)
    _decide(season)
    _migrate(season)
    _play_final(season)
    _publish(season)
    _recompute(season, tmp_path)
    _check_log(season)


def _set_up(season):
    """The operator makes one admin with the command line; all else happens over the API."""
    with db.transaction() as session:
        token = accounts.create_user(session, "root", admin=True).token
    season.root = Player(season.client, "root", {"Authorization": f"Bearer {token}"})
    season.olga = arrive(season.client, "olga", number=250)
    season.root.ask("POST", "/competitions", status=201, files={"file": ("season.zip", make_bundle())})
    season.root.post(f"{COMPETITION}/organizers", {"name": "olga"})
    season.nobody.get(COMPETITION, status=404)
    work()
    public = {"file": ("season.zip", make_bundle(published=True))}
    shown = season.olga.answer("PUT", f"{COMPETITION}/bundle?dry_run=true", files=public)
    assert [change["path"] for change in shown.json()["changes"]] == ["published"]
    headers = {"If-Match": shown.headers["ETag"]}
    season.olga.ask("PUT", f"{COMPETITION}/bundle", files=public, headers=headers)
    assert [phase["state"] for phase in season.nobody.get(COMPETITION)["phases"]] == ["ready"] * 3


def _teams_form(season):
    """Fifty-five people in fifty-two teams: most alone, one of two, one of three."""
    people = [arrive(season.client, f"p{number:02}", number=number) for number in range(1, 56)]
    people[0].post(f"{COMPETITION}/participants", {"accept_terms": False}, status=422)
    for person in people:
        person.post(f"{COMPETITION}/participants", {"accept_terms": True})
        season.pass_a_minute()
    people[0].post(f"{COMPETITION}/teams", {"name": "Duo"}, status=201)
    for captain, member in [(0, 52), (1, 53), (1, 54)]:
        _join(people[captain], people[member])
    season.teams = people[:52]
    assert people[54].get(f"{COMPETITION}/participants/me")["team"]["members"] == ["p02", "p54", "p55"]


def _join(captain, member):
    team = captain.get(f"{COMPETITION}/participants/me")["team"]["id"]
    captain.post(f"/teams/{team}/invitations", {"participant": member.name}, status=201)
    (invitation,) = member.get(f"{COMPETITION}/invitations")["invitations"]
    member.post(f"{COMPETITION}/invitations/{invitation['id']}/accept")


def _play_check(season):
    """The first second, quotas, and what does not count against them."""
    first, canceller, eager, unlucky = season.teams[0], *season.teams[7:10]
    season.go_to("2023-06-14 23:59:59")
    first.upload(CHECK, "too early", status=409)
    season.go_to("2023-06-15 00:00")
    sent = {team.name: team.upload(CHECK, f"{team.name} check")["id"] for team in season.teams}

    assert canceller.post(f"/submissions/{sent[canceller.name]}/cancel")["state"] == "cancelled"
    fail(sent[unlucky.name])
    assert unlucky.submission(sent[unlucky.name])["verdict"] == "platform_error"
    for team in (canceller, unlucky):
        assert _quota(team, "per_day")["used"] == 0
        team.upload(CHECK, f"{team.name} check")
    eager.upload(CHECK, "again")
    refused = eager.upload(CHECK, "and again", status=429)
    assert refused["type"] == "urn:lethe:problem:quota-exceeded"
    assert _quota(eager, "per_day")["resets_at"] == "2023-06-16T00:00:00Z"
    season.go_to("2023-06-16 00:00")
    eager.upload(CHECK, "and again")
    work()
    board = season.nobody.get(f"{CHECK}/leaderboard")
    assert (board["n_teams"], board["n_waiting"]) == (52, 0)


def _quota(team, name):
    return team.get(f"{CHECK}/submissions/mine")["usage"][name]


def _merge_and_ban(season):
    """Two teams become one, and one is shut out with what it submitted: fifty stay."""
    captain, merged, banned = season.teams[5], season.teams[6], season.teams[51]
    season.go_to("2023-07-01 12:00")
    _join(captain, merged)
    (part,) = season.olga.get(f"{COMPETITION}/participants", params={"name": banned.name})["participants"]
    season.olga.post(f"{COMPETITION}/participants/{part['id']}/ban", {"reason": "Two accounts."})
    banned.upload(CHECK, "shut out", status=403)
    for one in _submissions_of(season, "check", team=banned.name):
        season.olga.post(f"/submissions/{one['id']}/disqualify", {"reason": "Two accounts."})
    season.teams = [team for team in season.teams if team not in (merged, banned)]
    assert len(season.teams) == N_TEAMS
    board = season.nobody.get(f"{CHECK}/leaderboard")
    assert board["n_teams"] == N_TEAMS
    assert banned.name not in {row["team"] for row in board["rows"]}


def _play_feedback(season):
    """Everybody submits once, some three times; the last upload comes in the last second."""
    season.go_to("2023-07-15 00:00")
    season.teams[0].upload(CHECK, "too late", status=409)
    season.sent = {team.name: [] for team in season.teams}
    for day, chosen in [("2023-07-20", 1), ("2023-08-10", 5), ("2023-08-25", 10)]:
        season.go_to(f"{day} 10:00")
        for team in season.teams[::chosen]:
            season.pass_a_minute()
            season.sent[team.name].append(team.upload(FEEDBACK, f"{team.name} {day}")["id"])
        work()
    board = season.nobody.get(f"{FEEDBACK}/leaderboard", params={"limit": 200})
    scores = [row["score"]["final_score"] for row in board["rows"]]
    assert (len(scores), scores) == (N_TEAMS, sorted(scores, reverse=True))


def _decide(season):
    """Participants choose what goes on; organizers disqualify a submission, and have another run again."""
    season.selected = {}
    for team in season.teams[::10]:  # three submissions each: two may go on, and neither need be the best
        season.selected[team.name] = season.sent[team.name][:2]
        for submission_id in season.selected[team.name]:
            season.pass_a_minute()
            team.select(submission_id)
    team = season.teams[0]
    team.ask("PUT", f"/submissions/{season.sent[team.name][2]}/selection", status=409)

    cheat, repeated = season.teams[5], season.teams[1]
    out = season.sent[cheat.name].pop(0)
    season.olga.post(f"/submissions/{out}/disqualify", {"reason": "It read the test set."})
    assert cheat.submission(out)["disqualified"] == "It read the test set."
    again = season.olga.post(f"/submissions/{season.sent[repeated.name][0]}/rerun", {}, status=202)["id"]
    work()
    assert repeated.submission(season.sent[repeated.name][0])["superseded"]
    season.sent[repeated.name] = [again]


def _migrate(season):
    """What is chosen goes on once, and only after what came in time has ended."""
    last = season.teams[2]
    season.go_to("2023-08-31 23:59:59")
    late = last.upload(FEEDBACK, "in the last second")["id"]
    season.sent[last.name].append(late)
    season.go_to("2023-09-01 00:00", sweeper_is_late=True)
    last.upload(FEEDBACK, "a second later", status=409)
    last.upload(FINAL, "straight into the final", status=409)
    work(but=frozenset({UUID(late)}))
    turn_the_clock()
    assert _submissions_of(season, "final") == []
    work()
    for _ in range(3):
        turn_the_clock()
        season.pass_a_minute()
    expected = set()
    for team in season.teams:
        found = {one: team.submission(one)["score"]["final_score"] for one in season.sent[team.name]}
        expected |= set(season.selected.get(team.name, [max(found, key=found.get)]))
    origins = [one["origin_id"] for one in _submissions_of(season, "final")]
    assert (len(origins), set(origins)) == (len(expected), expected)
    assert len(expected) == N_TEAMS + 5


def _submissions_of(season, phase, *, team=""):
    found, path = [], f"{COMPETITION}/submissions?phase={phase}&team={team}&limit=20"
    while path:
        response = season.olga.answer("GET", path)
        found += response.json()["submissions"]
        path = response.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    return found


def _play_final(season):
    """Nobody sees a score before the organizers publish."""
    work()
    team = season.teams[0]
    for own in team.get(f"{FINAL}/submissions/mine")["submissions"]:
        assert (own["state"], own["score"]) == ("finished", None)
    assert season.nobody.get(f"{FINAL}/leaderboard")["rows"] == []
    assert team.get(f"{FINAL}/leaderboard")["rows"] == []
    assert season.olga.get(f"{FINAL}/leaderboard")["n_teams"] == N_TEAMS
    season.olga.post(f"{FINAL}/results", status=409)


def _publish(season):
    """Results are frozen under their hash, and the winners announced."""
    season.go_to("2023-09-30 00:00")
    published = season.published = season.olga.post(f"{FINAL}/results", status=201)
    content = season.nobody.get(f"{FINAL}/results")
    board = season.nobody.get(f"{FINAL}/leaderboard", params={"limit": 200})
    assert board["results_sha256"] == published["results_sha256"]
    assert [row["rank"] for row in board["rows"]] == list(range(1, N_TEAMS + 1))
    assert [row["team"] for row in content["board"]["rows"]] == [row["team"] for row in board["rows"]]
    winners = [{"team": row["team"], "place": row["rank"]} for row in board["rows"][:3]]
    season.olga.ask("PUT", f"{COMPETITION}/winners", json=winners)
    page = season.client.get("/competitions/season/phases/final/leaderboard").text
    assert all(winner["team"] in page for winner in winners)
    season.olga.post(f"{FINAL}/results", status=409)


def _recompute(season, folder):
    """A script that imports nothing of Lethe finds every score, every rank and every hash as published."""
    for phase, n_scored in [("check", 54), ("feedback", 67), ("final", 55)]:
        packed = season.olga.get(f"{COMPETITION}/phases/{phase}/export.zip")
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(folder / phase)
        said = f"{n_scored} submissions, {N_TEAMS} teams: 0 differences\n"
        if phase == "final":
            said = f"published results: {season.published['results_sha256']}\n{said}"
        command = [sys.executable, SCRIPT, folder / phase]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, said), done


def _check_log(season):
    """Whatever the organizers and the clock did is written down."""
    done = {event["action"] for event in season.olga.get(f"{COMPETITION}/audit?limit=200")["events"]}
    assert done >= {
        "competition.create",
        "submission.disqualify",
        "submission.rerun",
        "participant.ban",
        "phase.migrate",
        "results.publish",
    }
