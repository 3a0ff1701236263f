"""The organizer's commands, against an API that answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

import scoring
from api.app import create_app
from cli.main import app
from core import db, queue
from core.models import Baseline, Phase, Score
from core.storage import storage
from tests.support.competition import make_finished, make_phase, numbers
from tests.support.serving import served

NEW = "test-2"


@pytest.fixture
def url(home: Path, sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an API that knows two versions."""
    monkeypatch.setitem(scoring.VERSIONS, NEW, scoring.score)
    with served(create_app()) as url:
        yield url


def _lethe(url: str, *arguments: str, organizer: bool = True) -> Result:
    flag = ["--admin"] if organizer else []
    token = CliRunner().invoke(app, ["create-user", f"user-{organizer}", *flag]).stdout.strip()
    return CliRunner().invoke(app, arguments, env={"LETHE_TOKEN": token, "LETHE_URL": url})


def test_rescore_says_how_far_it_is(url: str) -> None:
    make_finished(make_phase(), 0.1)
    for _ in range(2):
        ended = _lethe(url, "rescore", "demo", "check", "--version", NEW)
        assert (ended.exit_code, ended.stdout) == (0, "rescoring under test-2: 0/2 scores\n")
    with db.reading() as session:
        assert session.scalars(select(Phase.rescoring_version)).one() == NEW


def test_rescore_to_a_version_that_has_every_score_says_that_it_ranks(url: str) -> None:
    phase = make_phase()
    with db.transaction() as session:
        for name in ("ceiling", "floor"):
            session.add(Baseline(phase_id=phase.id, name=name, **numbers(0.1, scoring_version=NEW)))
    assert _lethe(url, "rescore", "demo", "check", "--version", NEW).stdout == "ranked by test-2\n"


@pytest.mark.parametrize(
    ("arguments", "organizer", "words"),
    [
        (["rescore", "demo", "check", "--version", "no"], True, "no scoring version `no`, only"),
        (["rescore", "demo", "check"], True, "scored under `neurips2023-1` already"),
        (["rescore", "demo", "final"], True, "no phase `final`"),
        (["rescore", "demo", "check"], False, "Only organizers of the competition may do this"),
    ],
)
def test_rescore_refused_says_why(url: str, arguments: list[str], organizer: bool, words: str) -> None:
    make_phase()
    ended = _lethe(url, *arguments, organizer=organizer)
    assert ended.exit_code == 1
    assert words in ended.stderr


def test_artifact_is_written_once_and_overwrites_nothing(url: str, tmp_path: Path) -> None:
    submission = make_finished(make_phase(), 0.1)
    with db.transaction() as session:
        session.execute(update(Score).values(artifact_sha256=storage().put(b"an artifact")))
    path = tmp_path / "artifact.safetensors"
    assert _lethe(url, "artifact", str(submission.id), str(path)).exit_code == 0
    assert path.read_bytes() == b"an artifact"
    again = _lethe(url, "artifact", str(submission.id), str(path))
    assert again.exit_code == 1
    assert "exists already" in again.stderr


def test_artifact_refused_leaves_no_file(url: str, tmp_path: Path) -> None:
    submission = make_finished(make_phase(), 0.1)
    path = tmp_path / "artifact.safetensors"
    for organizer, words in ((True, "has no artifact"), (False, "There is no submission")):
        ended = _lethe(url, "artifact", str(submission.id), str(path), organizer=organizer)
        assert ended.exit_code == 1
        assert words in ended.stderr
    assert not path.exists()
