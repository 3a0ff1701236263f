"""Making users at the command line, and signing in from it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from api.app import create_app
from cli import credentials
from cli.main import app
from core import accounts, db, queue, tokens
from core.models import AccessToken, AuditEvent, Organizer, User, WebSession
from tests.support.competition import make_phase
from tests.support.serving import served

PASSWORD = "a few quiet words"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's config folder."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "lethe" / "credentials.json"


@pytest.fixture
def url(home: Path, sent: list[queue.Message]) -> Iterator[str]:
    """Address of an installation with the account `ann`."""
    accounts.register("ann", PASSWORD, email=None, address="")
    with served(create_app()) as url:
        yield url


def lethe(*arguments: str, typed: str = "", **environment: str) -> Result:
    return CliRunner().invoke(app, arguments, input=typed, env=environment)


def login(url: str, password: str = PASSWORD) -> Result:
    return lethe("login", "--url", url, typed=f"ann\n{password}\n")


def test_create_user_makes_an_organizer_of_a_competition(home: Path) -> None:
    make_phase()
    for _ in range(2):
        assert lethe("create-user", "ann", "--organizer-of", "demo").exit_code == 0
    with db.reading() as session:
        assert len(session.scalars(select(Organizer)).all()) == 1
        assert session.scalars(select(AuditEvent.action)).all() == ["organizer.add"]


def test_create_user_for_a_competition_that_is_not_there_makes_nothing(home: Path) -> None:
    ended = lethe("create-user", "ann", "--organizer-of", "nowhere")
    assert ended.exit_code == 1
    assert "nowhere" in ended.stderr
    with db.reading() as session:
        assert session.scalars(select(User)).all() == []


def test_create_user_refuses_a_name_that_cannot_be(home: Path) -> None:
    assert "2 to 40 characters" in lethe("create-user", "a b").stderr


def test_admin_made_at_the_command_line_is_written_down_once(home: Path) -> None:
    for _ in range(2):
        lethe("create-user", "ann", "--admin")
    with db.reading() as session:
        events = session.scalars(select(AuditEvent)).all()
    assert [(one.action, one.target, one.actor_id) for one in events] == [("admin.add", "ann", None)]


def test_password_link_sets_a_password_without_a_mail(url: str) -> None:
    import httpx2

    link = lethe("password-link", "ann").stdout.strip()
    assert link.startswith("http://127.0.0.1:8000/reset/")
    form = {"password": "quite another sentence"}
    assert httpx2.post(link.replace("http://127.0.0.1:8000", url), data=form).status_code == 200
    assert login(url, "quite another sentence").exit_code == 0
    assert "Nobody here is called" in lethe("password-link", "bob").stderr


def test_login_keeps_a_token_that_other_commands_use_until_logout(url: str, config: Path) -> None:
    make_phase()
    ended = login(url)
    assert ended.exit_code == 0, ended.output
    assert PASSWORD not in ended.output
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o700
    with db.reading() as session:
        token = session.scalars(select(AccessToken)).one()
        assert token.name.startswith("lethe on ")
        assert session.scalars(select(WebSession)).all() == []
    # Neither --url nor --token: the installation and the token of the login.
    assert "Only organizers" in lethe("rescore", "demo", "check").stderr
    assert lethe("logout").stdout == f"Signed out of {url}\n"
    with db.reading() as session:
        assert session.scalars(select(AccessToken.revoked_at)).one() is not None
    assert json.loads(config.read_text()) == {"url": "", "tokens": {}}
    missing = lethe("rescore", "demo", "check")
    assert missing.exit_code == 2
    assert "sign in with" in missing.stderr


def test_login_again_revokes_the_token_before(url: str) -> None:
    login(url)
    login(url)
    with db.reading() as session:
        found = session.scalars(select(AccessToken).order_by(AccessToken.created_at)).all()
        assert [token.revoked_at is None for token in found] == [False, True]
        kept = credentials.read().tokens[url]
        assert tokens.authenticate(session, kept).user.name == "ann"


def test_login_with_a_wrong_password_keeps_nothing(url: str, config: Path) -> None:
    ended = login(url, "not the right one")
    assert ended.exit_code == 1
    assert "name or the password is wrong" in ended.stderr
    assert not config.exists()


def test_token_is_sent_to_its_own_installation_only(url: str) -> None:
    login(url)
    ended = lethe("rescore", "demo", "check", "--url", "http://127.0.0.1:1")
    assert ended.exit_code == 2
    assert "sign in with" in ended.stderr


def test_token_and_address_that_are_given_win(url: str) -> None:
    login(url)
    ended = lethe("rescore", "demo", "check", LETHE_TOKEN="x", LETHE_URL="http://127.0.0.1:1")
    assert "http://127.0.0.1:1" in ended.stderr
    assert "not known" in lethe("rescore", "demo", "check", "--token", "x").stderr


def test_logout_without_login_says_so(home: Path) -> None:
    assert lethe("logout").stdout.startswith("Not signed in to http://127.0.0.1:8000")


def test_logout_forgets_a_token_that_is_no_longer_good(url: str) -> None:
    login(url)
    with db.transaction() as session:
        for token in session.scalars(select(AccessToken)):
            session.delete(token)
    ended = lethe("logout")
    assert ended.exit_code == 0
    assert credentials.read().tokens == {}


def test_file_that_is_none_of_ours_is_named(home: Path, config: Path) -> None:
    config.parent.mkdir(parents=True)
    config.write_text("[]")
    for arguments in (["logout"], ["rescore", "demo", "check"], ["login", "--name", "ann"]):
        ended = lethe(*arguments, typed="x\n")
        assert ended.exit_code != 0
        assert "cannot be read" in ended.stderr.replace("\n", " ")


def test_login_file_is_replaced_whole_and_stays_private(home: Path, config: Path) -> None:
    config.parent.mkdir(parents=True)
    config.write_text('{"url": "", "tokens": {}}')
    config.chmod(0o644)
    credentials.keep("http://a", "t")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert list(config.parent.iterdir()) == [config]
    credentials.keep("http://b", "u")
    assert credentials.read() == credentials.Credentials("http://b", {"http://a": "t", "http://b": "u"})
