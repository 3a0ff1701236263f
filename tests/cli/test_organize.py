"""`lethe organize`, against an API that answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from api.app import create_app
from cli.main import app
from core import accounts, db, queue, teams
from core.lifecycle import ParticipantState
from core.models import Announcement, Competition, Phase, Submission, TeamQuota, Webhook
from tests.support.competition import make_finished, make_phase
from tests.support.serving import served

Lethe = Callable[..., Result]


@pytest.fixture
def lethe(home: Path, sent: list[queue.Message]) -> Iterator[Lethe]:
    """Run a command as an organizer of `demo`."""
    with served(create_app()) as url:
        make_phase()
        with db.transaction() as session:
            token = accounts.create_user(session, "olga", admin=True).token

        def run(*arguments: str, text: str = "") -> Result:
            environment = {"LETHE_TOKEN": token, "LETHE_URL": url, "COLUMNS": "250"}
            return CliRunner().invoke(app, ["organize", *arguments], env=environment, input=text)

        yield run


def _phase() -> Phase:
    with db.reading() as session:
        return session.scalars(select(Phase)).one()


def _enter(*names: str, state: ParticipantState = ParticipantState.APPROVED) -> None:
    with db.transaction() as session:
        demo = session.scalars(select(Competition)).one()
        for name in names:
            teams.enter(session, demo, accounts.create_user(session, name).user).state = state


def test_participants_are_approved_banned_and_unbanned_by_name(lethe: Lethe) -> None:
    _enter("ann", "anna", state=ParticipantState.PENDING)
    assert lethe("approve", "demo", "ANN", "anna").stdout == "ann: approved\nanna: approved\n"
    assert lethe("ban", "demo", "ann", "--reason", "two accounts").stdout == "ann: banned\n"
    shown = lethe("participants", "demo", "--state", "banned").stdout
    assert "two accounts" in shown
    assert "anna" not in shown
    assert lethe("unban", "demo", "ann").stdout == "ann: approved\n"
    ended = lethe("ban", "demo", "nobody", "--reason", "x")
    assert (ended.exit_code, ended.stderr) == (1, "lethe: nobody here is called `nobody`\n")


def test_every_page_of_a_list_is_printed(lethe: Lethe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.organizer_client._PAGE", "2")
    _enter("ann", "bob", "cy", "dora", "eve")
    shown = lethe("participants", "demo").stdout
    assert [line.split("\t")[0] for line in shown.splitlines()] == ["name", "eve", "dora", "cy", "bob", "ann"]
    filtered = lethe("participants", "demo", "--name", "o").stdout
    assert "bob" in filtered
    assert "dora" in filtered
    assert "ann" not in filtered


def test_submissions_are_listed_rerun_disqualified_and_restored(lethe: Lethe) -> None:
    one = make_finished(_phase(), 0.25)
    shown = lethe("submissions", "demo", "--state", "finished", "--no-disqualified").stdout
    assert str(one.id) in shown
    assert "0.25" in shown
    assert lethe("disqualify", str(one.id), "--reason", "copied").stdout == "disqualified\n"
    assert "copied" in lethe("submissions", "demo", "--disqualified").stdout
    assert lethe("restore", str(one.id)).stdout == "ranks again\n"
    assert lethe("rerun-phase", "demo", "check", "--team", "x").stdout == "0 run again, 0 cannot\n"
    assert lethe("rerun", str(one.id)).stdout.startswith("runs again as ")
    with db.reading() as session:
        again = session.scalars(select(Submission).where(Submission.rerun_of_id == one.id)).one()
    assert "runs" in lethe("queue", "demo").stdout
    assert lethe("cancel", str(again.id)).stdout == "cancelled\n"
    ended = lethe("migrate", "demo", "check", str(one.id))
    assert ended.exit_code == 1
    assert "first phase" in ended.stderr


def test_announcement_is_read_from_the_standard_input(lethe: Lethe) -> None:
    assert lethe("announce", "demo", "Soon", "-", text="Tomorrow.\n").stdout == "announced\n"
    with db.reading() as session:
        assert session.scalars(select(Announcement.body)).one() == "Tomorrow.\n"


def test_quota_of_a_team_is_set_shown_and_taken_back(lethe: Lethe) -> None:
    _enter("ann")
    assert "0 of 3" in lethe("quota", "demo", "check", "ann", "--per-day", "3").stdout
    assert "0 of 3" in lethe("quota", "demo", "check").stdout
    assert "0 of" not in lethe("quota", "demo", "check", "ann", "--reset").stdout
    with db.reading() as session:
        assert session.scalar(select(TeamQuota.id)) is None


def test_audit_log_is_printed_or_written_to_a_file(lethe: Lethe, tmp_path: Path) -> None:
    _enter("ann")
    lethe("ban", "demo", "ann", "--reason", "x")
    lines = [json.loads(line) for line in lethe("audit", "demo").stdout.splitlines()]
    assert [line["action"] for line in lines][-1] == "participant.ban"
    path = tmp_path / "log.csv"
    assert lethe("audit", "demo", "--csv", "--output", str(path)).exit_code == 0
    assert path.read_text().startswith("id,at,actor_id,actor_name")


def test_webhooks_are_added_listed_tried_and_removed(lethe: Lethe) -> None:
    added = lethe("webhooks", "add", "demo", "https://host.example/x", "phase.opened", "phase.closed")
    webhook, secret = added.stdout.split()
    assert secret.startswith("whsec_")
    listed = lethe("webhooks", "list", "demo").stdout.splitlines()
    assert listed[1].split("\t") == [
        webhook,
        "https://host.example/x",
        "phase.opened, phase.closed",
        "True",
        "0",
    ]
    assert secret not in listed[1]
    delivery, state = lethe("webhooks", "test", "demo", webhook).stdout.split()
    assert state == "waiting"
    assert lethe("webhooks", "deliveries", "demo", webhook).stdout.splitlines()[1].startswith(delivery)
    with db.transaction() as session:
        session.scalars(select(Webhook)).one().active = False
    refused = lethe("webhooks", "test", "demo", webhook)
    assert (refused.exit_code, "is turned off" in refused.stderr) == (1, True)
    assert lethe("webhooks", "turn-on", "demo", webhook).stdout == "turned on\n"
    assert lethe("webhooks", "test", "demo", webhook).exit_code == 0
    assert lethe("webhooks", "remove", "demo", webhook).stdout == "removed\n"
    assert lethe("webhooks", "list", "demo").stdout == "id\turl\tevents\tactive\tfailures\n"


def test_webhook_that_lethe_does_not_call_is_refused_in_its_words(lethe: Lethe) -> None:
    ended = lethe("webhooks", "add", "demo", "http://127.0.0.1/", "phase.opened")
    assert (ended.exit_code, ended.stderr.startswith("lethe: ")) == (1, True)
    unknown = lethe("webhooks", "add", "demo", "https://host.example/", "phase.won")
    assert "A webhook asks for one or more of submission.finished" in unknown.stderr
