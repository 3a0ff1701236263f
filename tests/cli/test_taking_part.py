"""What participants do from the terminal beside uploading, against an API that answers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.app import create_app
from cli.main import app
from core import accounts, db, queue
from core.competitions import find_competition
from tests.support.rules import finished, make_phases, upload
from tests.support.serving import served

Lethe = Callable[..., Result]


@pytest.fixture
def lethe(home: Path, sent: list[queue.Message]) -> Iterator[Lethe]:
    """Run a command as somebody, by default `ann`."""
    with served(create_app()) as url:
        make_phases({"quotas": {"per_day": 3}}, {"auto_migrate_to_this_phase": True})
        with db.transaction() as session:
            tokens = {name: accounts.create_user(session, name).token for name in ("ann", "bob")}

        def run(*arguments: str, who: str = "ann") -> Result:
            environment = {"LETHE_TOKEN": tokens[who], "LETHE_URL": url, "COLUMNS": "200"}
            return CliRunner().invoke(app, arguments, env=environment)

        yield run


def test_join_asks_for_the_terms_and_says_who_waits(lethe: Lethe) -> None:
    with db.transaction() as session:
        demo = find_competition(session, "demo")
        demo.terms, demo.approves_participants = "Be kind.", True
    refused = lethe("join", "demo")
    assert (refused.exit_code, "Read the terms" in refused.stderr) == (1, True)
    assert lethe("join", "demo", "--accept-terms").stdout == "ann: an organizer has to let you in\n"


def test_team_is_named_grows_and_is_left(lethe: Lethe) -> None:
    for who in ("ann", "bob"):
        assert lethe("join", "demo", who=who).stdout == f"{who}: approved\n"
    assert lethe("team", "create", "demo", "Lethe").stdout == "Lethe: ann; captain ann\n"
    assert lethe("team", "invite", "demo", "bob").stdout == "Lethe invites bob\n"
    assert "invited by Lethe" in lethe("team", "show", "demo", who="bob").stdout
    assert "`Styx` has not invited you" in lethe("team", "accept", "demo", "Styx", who="bob").stderr
    assert lethe("team", "accept", "demo", "lethe", who="bob").stdout == "Lethe: ann, bob; captain ann\n"
    assert lethe("team", "create", "demo", "Styx").stdout == "Styx: ann, bob; captain ann\n"
    assert lethe("team", "leave", "demo", "--member", "bob").stdout == "bob: bob; captain bob\n"
    assert "alone in the team" in lethe("team", "leave", "demo").stderr


def test_submissions_are_listed_cancelled_and_selected(lethe: Lethe) -> None:
    done, waiting = finished("ann", 1, score=0.25), upload("ann", 2)
    assert lethe("select", str(done.id)).stdout == "selected\n"
    assert lethe("cancel", str(waiting.id)).stdout == "cancelled\n"
    listed = lethe("submissions", "demo", "p0").stdout
    for words in (
        str(done.id),
        "0.2500",
        "selected",
        "cancelled",
        "today: 2 of 3 left, resets 2",
        "selected: 1 of 1",
    ):
        assert words in listed
    assert "in this phase: 1, no limit" in listed
    assert lethe("select", "--undo", str(done.id)).stdout == "not selected\n"
    assert "too late" in lethe("cancel", str(done.id)).stderr
