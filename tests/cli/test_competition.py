"""`lethe competition`: bundles created, exported, compared and applied, against an API that answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from api.app import create_app
from cli.main import app
from core import accounts, competitions, db, queue
from core.bundle import columns, reading, writing
from core.models import Phase
from core.storage import storage
from faces.folder import read_with_files
from tests.support.bundles import make_bundle, unlabelled, write_bundle
from tests.support.competition import make_finished, make_phase
from tests.support.serving import served

ROOT = Path(reading.__file__).parents[2]
EXAMPLE = ROOT / "competitions" / "neurips-2023"


@pytest.fixture
def url(home: Path, sent: list[queue.Message]) -> Iterator[str]:
    """Address of an API."""
    with served(create_app()) as url:
        yield url


@pytest.fixture
def token(url: str) -> str:
    with db.transaction() as session:
        return accounts.create_user(session, "olga", admin=True).token


def _lethe(url: str, token: str, *arguments: object, typed: str = "") -> Result:
    environment = {"LETHE_TOKEN": token, "LETHE_URL": url}
    return CliRunner().invoke(app, ["competition", *map(str, arguments)], env=environment, input=typed)


def _write(folder: Path, **changes: object) -> Path:
    phase = {"slug": "check", "name": "Check", "n_models": 4, "dataset": {"kind": "synthetic"}}
    document = {"version": 2, "slug": "demo", "title": "Demo", "phases": [phase], **changes}
    path = folder / "competition.yaml"
    path.write_text(json.dumps(document))
    return path


def test_schema_is_printed() -> None:
    assert CliRunner().invoke(app, ["competition", "schema"]).stdout == writing.schema()


def test_example_of_the_challenge_imports_and_exports_as_it_is(url: str, token: str, tmp_path: Path) -> None:
    ended = _lethe(url, token, "create", EXAMPLE)
    assert ended.exit_code == 0, ended.stderr
    expected = reading.read_spec(EXAMPLE / "competition.yaml")
    with db.reading() as session:
        assert columns.spec_of(competitions.find_competition(session, "neurips-2023")) == expected
    exported = tmp_path / "out.zip"
    assert _lethe(url, token, "export", "neurips-2023", exported).exit_code == 0
    assert reading.read_upload(exported.read_bytes()) == expected
    same = _lethe(url, token, "diff", "neurips-2023", exported)
    assert (same.exit_code, same.stdout) == (0, "neurips-2023 is what the bundle says already.\n")


def test_create_sends_the_faces_along(url: str, token: str, tmp_path: Path) -> None:
    faces = write_bundle(make_bundle(), tmp_path / "faces")
    dataset = {"kind": "bundle", "path": "../faces"}
    phases = [
        {"slug": slug, "name": slug, "n_models": 4, "dataset": dataset} for slug in ("check", "feedback")
    ]
    (tmp_path / "folder").mkdir()
    _write(tmp_path / "folder", phases=phases)
    ended = _lethe(url, token, "create", tmp_path / "folder", "--hide")
    assert ended.exit_code == 0, ended.stderr
    with db.reading() as session:
        assert not competitions.find_competition(session, "demo").published
        first, second = session.scalars(select(Phase.dataset))
    assert first == second
    assert storage().get(first["secret"]) == read_with_files(faces).files.secret


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"color": 1}, "color: there is no such key"),
        ({"recipe": {"epoch": 1}}, "phases.0.recipe.epoch: there is no such key"),
        ({"dataset": {"kind": "bundle", "path": "plain"}}, "phases.0.dataset: the dataset is unlabelled"),
        ({"dataset": {"kind": "bundle", "path": "nowhere"}}, "No such file or directory"),
    ],
)
def test_create_refuses_what_could_never_be_prepared(
    url: str, token: str, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    write_bundle(unlabelled(make_bundle()), tmp_path / "plain")
    phase = {"slug": "check", "name": "Check", "n_models": 4, "dataset": {"kind": "synthetic"}}
    ended = _lethe(url, token, "create", _write(tmp_path, phases=[phase | changes]))
    assert ended.exit_code == 1
    assert words in ended.stderr


def test_apply_shows_the_changes_and_asks(url: str, token: str, tmp_path: Path) -> None:
    assert _lethe(url, token, "create", _write(tmp_path)).exit_code == 0
    path = _write(tmp_path, title="Better", max_team_size=3)
    shown = _lethe(url, token, "diff", "demo", path)
    assert shown.exit_code == 0
    assert "title\n  - Demo\n  + Better\nmax_team_size  (It holds for teams that grow" in shown.stdout
    for typed, options, title in (("n\n", (), "Demo"), ("y\n", (), "Better")):
        ended = _lethe(url, token, "apply", "demo", path, *options, typed=typed)
        assert ended.exit_code == 0, ended.stderr
        with db.reading() as session:
            assert competitions.find_competition(session, "demo").title == title
    assert _lethe(url, token, "apply", "demo", _write(tmp_path, title="Best"), "--yes").exit_code == 0
    with db.reading() as session:
        assert competitions.find_competition(session, "demo").title == "Best"


def test_apply_refused_says_why_and_asks_nothing(url: str, token: str, tmp_path: Path) -> None:
    _lethe(url, token, "create", _write(tmp_path))
    for command in ("diff", "apply"):
        ended = _lethe(url, token, command, "demo", _write(tmp_path, slug="other"))
        assert ended.exit_code == 1
        assert "slug  (refused: the slug is the competition's address)" in ended.stdout
        assert "Make these changes" not in ended.stdout


def test_path_without_a_competition_says_so(url: str, token: str, tmp_path: Path) -> None:
    ended = _lethe(url, token, "create", tmp_path)
    assert ended.exit_code == 1
    assert "has no competition.yaml" in ended.stderr


def test_delete_asks_first(url: str, token: str, tmp_path: Path) -> None:
    assert _lethe(url, token, "create", _write(tmp_path)).exit_code == 0
    for typed, left in (("n\n", 1), ("y\n", 0)):
        ended = _lethe(url, token, "delete", "demo", typed=typed)
        assert ended.exit_code == 0, ended.stderr
        assert "Delete `demo` with its phases, teams and announcements?" in ended.stdout
        with db.reading() as session:
            assert len(session.scalars(select(Phase)).all()) == left
    again = _lethe(url, token, "delete", "demo", "--yes")
    assert (again.exit_code, "There is no competition `demo`." in again.stderr) == (1, True)


def test_delete_of_a_competition_with_submissions_is_refused_with_what_to_do(url: str, token: str) -> None:
    make_finished(make_phase(), 0.5)
    ended = _lethe(url, token, "delete", "demo", "--yes")
    assert ended.exit_code == 1
    assert "There is a submission; what was submitted is kept." in ended.stderr
    assert "Set `end`, or `published: false`." in ended.stderr
    with db.reading() as session:
        assert session.scalars(select(Phase)).one()
