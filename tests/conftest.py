"""What every test may use: markers that name what is missing, and a fresh installation."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import migrations
from core import db, queue
from core.settings import get_settings
from core.storage import storage
from tests.support.requirements import REQUIREMENTS

pytest_plugins = ["tests.support.postgres"]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker's requirement is missing; fail it where everything is required."""
    for name, requirement in REQUIREMENTS.items():
        if item.get_closest_marker(name) is None or requirement.is_met():
            continue
        message = f"needs {requirement.remedy}"
        if os.environ.get("LETHE_TEST_REQUIRE") == "all":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def _forget_cached() -> None:
    get_settings.cache_clear()
    storage.cache_clear()
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database: the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'lethe.db'}"
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation on SQLite whose broker is down, migrated, in a folder of its own."""
    monkeypatch.setenv("LETHE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    _forget_cached()
    migrations.upgrade(db.engine())
    yield tmp_path / "home"
    _forget_cached()


@pytest.fixture
def installation(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as `home`, but once on SQLite and once on PostgreSQL."""
    monkeypatch.setenv("LETHE_DATABASE_URL", database_url)
    _forget_cached()
    migrations.upgrade(db.engine())
    return home


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[queue.Message]:
    """The messages that left after a commit, instead of a broker."""
    messages: list[queue.Message] = []
    monkeypatch.setattr(queue, "send", lambda message: messages.append(message) or True)
    return messages
