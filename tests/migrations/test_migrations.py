"""The migrations make exactly the tables of the models, in one step or not at all."""

from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.orm import Session

import migrations
from core import db
from core.leaderboard import leaderboard
from core.models import Base, Baseline, Phase, Run, Shard, User


@pytest.fixture
def empty_engine(database_url: str, tmp_path: Path) -> Engine:
    """An engine on an empty database."""
    return db.make_engine(database_url or f"sqlite:///{tmp_path / 'lethe.db'}")


def test_upgrade_makes_the_tables_of_the_models(empty_engine: Engine) -> None:
    assert not migrations.is_current(empty_engine)
    for _ in range(2):
        migrations.upgrade(empty_engine)
    assert migrations.is_current(empty_engine)
    with empty_engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []
    empty_engine.dispose()


def test_upgrade_interrupted_leaves_nothing_and_succeeds_the_next_time(empty_engine: Engine) -> None:
    def interrupt(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if "CREATE TABLE score" in statement:
            raise KeyboardInterrupt

    event.listen(empty_engine, "before_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        migrations.upgrade(empty_engine)
    event.remove(empty_engine, "before_cursor_execute", interrupt)
    assert inspect(empty_engine).get_table_names() == []
    migrations.upgrade(empty_engine)
    assert migrations.is_current(empty_engine)
    empty_engine.dispose()


_ID, _NOW = UUID("0123456789abcdef0123456789abcdef"), "2026-01-02 03:04:05.000000"
_NUMBERS = """scoring_version, final_score, forgetting_quality, retain_ratio, test_ratio, retain_accuracy,
              test_accuracy, n_models, created_at"""
_VALUES = "'neurips2023-1', 0.25, 0.25, 1, 1, 0.9, 0.4, 4, :now"
_ROWS_OF_0001 = [
    """INSERT INTO "user" (id, name, token_sha256, created_at) VALUES (:id, 'ann', 'a', :now)""",
    """INSERT INTO competition (id, slug, title, description, created_at)
       VALUES (:id, 'demo', 'Demo', '', :now)""",
    """INSERT INTO phase (id, competition_id, slug, title, position, opens_at, n_models, runs_per_shard,
         dataset, architecture, recipe, limits, show_logs, secret, state, problem)
       VALUES (:id, :id, 'check', 'Check', 0, :now, 4, 2,
         '{}', '{}', '{}', '{}', TRUE, :secret, 'ready', '')""",
    """INSERT INTO submission (id, phase_id, user_id, filename, source_sha256, size_bytes, state, verdict,
         message, created_at)
       VALUES (:id, :id, :id, 'a.py', 'b', 1, 'finished', 'ok', '', :now)""",
    """INSERT INTO run (id, submission_id, run_index, verdict, message, log, seconds, created_at)
       VALUES (:id, :id, 0, 'ok', '', 'hello', 1.5, :now)""",
    """INSERT INTO shard (id, work, phase_id, submission_id, set_index, start, stop, done, failures,
         created_at)
       VALUES (:id, 'scoring', :id, :id, 0, 0, 1, TRUE, 0, :now)""",
    f"INSERT INTO score (id, submission_id, {_NUMBERS}) VALUES (:id, :id, {_VALUES})",
    f"INSERT INTO baseline (id, phase_id, name, {_NUMBERS}) VALUES (:id, :id, 'ceiling', {_VALUES})",
]


def _upgrade_to_first_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")


def test_upgrade_of_the_first_tables_keeps_their_rows(empty_engine: Engine) -> None:
    _upgrade_to_first_tables(empty_engine)
    with empty_engine.begin() as connection:
        values = {"id": _ID.hex, "now": _NOW, "secret": b"s" * 32}
        for statement in _ROWS_OF_0001:
            connection.execute(text(statement), values)
    migrations.upgrade(empty_engine)
    with Session(empty_engine) as session:
        assert not session.get_one(User, _ID).is_admin
        phase = session.get_one(Phase, _ID)
        assert (phase.scoring_version, phase.rescoring_version) == ("neurips2023-1", None)
        assert (phase.rescoring_problem, phase.secret) == ("", b"s" * 32)
        assert (session.get_one(Run, _ID).log, session.get_one(Run, _ID).sandbox) == ("hello", None)
        assert session.get_one(Shard, _ID).scoring_version is None
        (row,) = leaderboard(session, phase).rows
        assert (row.team, row.score.final_score, row.score.final_score_low) == ("ann", 0.25, None)
        assert row.tied_with_leader is None
        assert session.get_one(Baseline, _ID).forgetting_quality_high is None
    empty_engine.dispose()


def test_upgrade_interrupted_after_the_first_tables_keeps_them_as_they_were(empty_engine: Engine) -> None:
    def interrupt(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if "report_sha256" in statement:
            raise KeyboardInterrupt

    _upgrade_to_first_tables(empty_engine)
    event.listen(empty_engine, "before_cursor_execute", interrupt)
    with pytest.raises(KeyboardInterrupt):
        migrations.upgrade(empty_engine)
    event.remove(empty_engine, "before_cursor_execute", interrupt)
    assert "is_organizer" not in {column["name"] for column in inspect(empty_engine).get_columns("user")}
    migrations.upgrade(empty_engine)
    assert migrations.is_current(empty_engine)
    empty_engine.dispose()


def test_downgrade_that_would_lose_accounts_is_refused_and_changes_nothing(empty_engine: Engine) -> None:
    migrations.upgrade(empty_engine)
    with empty_engine.connect() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        with pytest.raises(CommandError, match="Restore the backup of the database"):
            command.downgrade(config, "0006")
    assert migrations.is_current(empty_engine)
    with empty_engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    empty_engine.dispose()
