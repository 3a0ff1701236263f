"""Sessions and transactions. `transaction` is the only place that commits, and the only one that enqueues."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, update
from sqlalchemy.orm import Session

from core import queue
from core.models import Shard
from core.settings import get_settings


@lru_cache
def engine() -> Engine:
    """Return the engine of this process. Call after a fork, not before."""
    return make_engine(get_settings().resolved_database_url())


def make_engine(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL URL, with Lethe's settings for each."""
    # Parameters are hidden from error messages: they hold secrets and what participants printed.
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    made = create_engine(url, connect_args={"timeout": 30}, hide_parameters=True)
    event.listen(made, "connect", _configure_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would otherwise begin transactions in its own way
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes its lock at once: upgrading a read lock later fails under load instead of waiting.
    reading = connection.get_execution_options().get("lethe_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def transaction() -> Iterator[Session]:
    """Yield a session; commit at the end, roll back on any error, and only then send what was enqueued."""
    with Session(engine(), expire_on_commit=False) as session:
        with session.begin():
            yield session
        unsent = queue.send_outbox(session)
        if unsent:
            with session.begin():  # so that the sweeper sends them as soon as the broker is back
                session.execute(update(Shard).where(Shard.id.in_(unsent)).values(sent_at=None))


@contextmanager
def reading() -> Iterator[Session]:
    """Yield a session that changes nothing and waits for no writer."""
    with Session(engine().execution_options(lethe_reading=True)) as session:
        yield session
