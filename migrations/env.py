"""How Alembic reaches the database: the caller's connection, or the one that the settings name."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, Enum

from core.db import engine
from core.models import Base, UtcDateTime


def _render(kind: str, item: Any, _autogenerate: object) -> str | Literal[False]:
    """Write plain column types into a new revision: it must not change when our own types do."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Enum):
        return f"sa.String({item.length})"
    return False


def _migrate(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        _run(connection)
        return
    # SQLite changes a table by copying it, while others refer to it. The switch works outside a transaction.
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        _run(connection)
        assert not driver.execute("PRAGMA foreign_key_check").fetchall()
    finally:
        if not connection.invalidated:
            driver.execute("PRAGMA foreign_keys=ON")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite changes a column by copying the table
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()
    if connection.in_transaction():
        connection.commit()


_given = context.config.attributes.get("connection")
if _given is not None:
    _migrate(_given)
else:
    with engine().connect() as _own:
        _migrate(_own)
