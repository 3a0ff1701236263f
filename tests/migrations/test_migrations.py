"""The migrations make exactly the tables of the models, in one step or not at all."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, event, inspect

import migrations
from core import db
from core.models import Base


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
