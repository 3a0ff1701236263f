"""What every test may use: markers that name what is missing, and a fresh installation."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

# Nothing that a test sends may reach a broker that happens to run; set before core reads it.
os.environ["LETHE_BROKER_URL"] = "redis://127.0.0.1:1/0"
# Tests look again at once after they changed something.
os.environ["LETHE_BOARD_AGE_S"] = "0"
# All tests come from one address; those of the limits set limits.
os.environ |= {f"LETHE_{what}_PER_MINUTE": "0" for what in ("READS", "WRITES", "UPLOADS", "STRANGERS")}

import migrations
from core import db, passwords, queue, throttle
from core.settings import get_settings
from core.storage import storage
from tests.support.requirements import REQUIREMENTS

pytest_plugins = ["tests.support.nvidia", "tests.support.postgres"]
pytest.register_assert_rewrite("tests.support.corpus_tests")


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
    throttle.counter.cache_clear()
    passwords.decoy.cache_clear()
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty PostgreSQL database, or nothing for SQLite: the test runs on both."""
    if request.param == "sqlite":
        return ""
    url: str = request.getfixturevalue("empty_postgres")
    return url


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database of the newest schema, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "lethe.db"
    engine = db.make_engine(f"sqlite:///{path}")
    migrations.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def home(tmp_path: Path, migrated_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation on SQLite whose broker is down, migrated, in a folder of its own."""
    monkeypatch.setenv("LETHE_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    shutil.copy(migrated_database, tmp_path / "home" / "lethe.db")
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr(passwords, "hasher", quick)
    _forget_cached()
    yield tmp_path / "home"
    _forget_cached()


@pytest.fixture
def installation(home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as `home`, but once on SQLite and once on PostgreSQL."""
    if database_url:
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
