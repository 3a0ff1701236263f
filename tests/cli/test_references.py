"""`lethe references`: what an organizer sees of a build, while it goes on and when it breaks."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.app import create_app
from cli import references
from cli.client import Client
from cli.main import app
from core import accounts, competitions, db, queue
from core.lifecycle import PhaseState
from core.models import Phase, Shard
from tests.support.competition import make_phase
from tests.support.serving import served


@pytest.fixture
def url(home: Path, sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an API; the command asks it without a pause."""
    monkeypatch.setattr(references, "_POLL_S", 0.0)
    with served(create_app()) as url:
        yield url


def _lethe(url: str, *arguments: str, organizer: bool = True) -> Result:
    with db.transaction() as session:
        token = accounts.create_user(session, f"user-{organizer}", admin=organizer).token
    return CliRunner().invoke(app, ["references", *arguments], env={"LETHE_TOKEN": token, "LETHE_URL": url})


def _poll(monkeypatch: pytest.MonkeyPatch, then: Any) -> None:
    """Do something before every answer but the first."""
    ask = Client.references

    def ask_after(client: Client, competition: str, phase: str) -> dict[str, Any]:
        then()
        return ask(client, competition, phase)

    monkeypatch.setattr(Client, "references", ask_after)


def test_build_watches_until_the_phase_is_ready(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    phase = make_phase(ready=False)

    def make_ready() -> None:
        with db.transaction() as session:
            competitions.open_with_baselines(session, phase.id, [])

    _poll(monkeypatch, make_ready)
    ended = _lethe(url, "build", "demo", "check")
    assert ended.exit_code == 0
    assert "reference models" in ended.stdout
    assert ended.stdout.endswith("ready: 0/4 reference and 0/4 ceiling models\n")


def test_build_that_breaks_says_why_and_fails(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    phase = make_phase(ready=False)

    def break_phase() -> None:
        with db.transaction() as session:
            competitions.mark_broken(session, phase.id, "the disk is full")

    _poll(monkeypatch, break_phase)
    ended = _lethe(url, "build", "demo", "check")
    assert ended.exit_code == 1
    assert "broken: 0/4 reference and 0/4 ceiling models; failed: the disk is full" in ended.stdout
    assert "the same command goes on" in ended.stderr


def test_build_interrupted_leaves_the_work_going_and_says_so(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_phase(ready=False)
    _poll(monkeypatch, lambda: signal.raise_signal(signal.SIGINT))
    ended = _lethe(url, "build", "demo", "check")
    assert ended.exit_code == 130
    assert "The workers go on; `lethe references status`" in ended.stdout
    with db.reading() as session:
        assert not session.query(Shard).one().done


def test_build_without_watching_asks_and_ends(url: str) -> None:
    phase = make_phase()
    with db.transaction() as session:
        session.get_one(Phase, phase.id).state = PhaseState.BROKEN
    ended = _lethe(url, "build", "demo", "check", "--no-watch")
    assert (ended.exit_code, ended.stdout) == (0, "preparing: 0/4 reference and 0/4 ceiling models\n")
    assert _lethe(url, "status", "demo", "check").stdout == ended.stdout


@pytest.mark.parametrize(
    ("arguments", "organizer", "words"),
    [
        (["build", "demo", "final"], True, "no phase `final`"),
        (["status", "demo", "check"], False, "Only organizers of the competition may do this"),
    ],
)
def test_references_refused_say_why(url: str, arguments: list[str], organizer: bool, words: str) -> None:
    make_phase()
    ended = _lethe(url, *arguments, organizer=organizer)
    assert ended.exit_code == 1
    assert words in ended.stderr


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "preparing: 3/4 reference and 1/4 ceiling models, 90.2 s a model, 1:02:03 left"),
        (
            {"time_left_s": None},
            "preparing: 3/4 reference and 1/4 ceiling models, 90.2 s a model",
        ),
        (
            {"time_left_s": 0.0},
            "preparing: 3/4 reference and 1/4 ceiling models, 90.2 s a model, measuring the baselines",
        ),
        (
            {"state": "ready", "time_left_s": 0.0},
            "ready: 3/4 reference and 1/4 ceiling models, 90.2 s a model",
        ),
    ],
)
def test_line_says_how_far_the_references_are(changes: dict[str, Any], line: str) -> None:
    answer = {
        "state": "preparing",
        "problem": "",
        "reference": {"done": 3, "total": 4},
        "ceiling": {"done": 1, "total": 4},
        "seconds_per_model": 90.25,
        "time_left_s": 3723.4,
    }
    assert references.references_line(answer | changes) == line
