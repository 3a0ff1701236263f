"""What all tables have in common: types, the naming of constraints, and times in UTC."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import JSON, DateTime, Dialect, Enum, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core.lifecycle import (
    BoardRule,
    BoardVisibility,
    NodeState,
    ParticipantState,
    PhaseState,
    SubmissionState,
    TokenPurpose,
    Verdict,
    Work,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time in every database; SQLite alone would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """Say what a value is."""
        return datetime

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give a stored time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def _words(enum: type[StrEnum]) -> Enum:
    return Enum(enum, native_enum=False, length=32, values_callable=lambda e: [word.value for word in e])


_ENUMS = (
    BoardRule,
    BoardVisibility,
    NodeState,
    ParticipantState,
    PhaseState,
    SubmissionState,
    TokenPurpose,
    Verdict,
    Work,
)


class Base(DeclarativeBase):
    """Common types and naming, so that migrations name every constraint the same way."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[dict[str, Any]]: JSON,
        list[str]: JSON,
        **{enum: _words(enum) for enum in _ENUMS},
    }

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, sort_order=-1)


Sha256 = String(64)
Name = String(64)
Title = String(200)
ScoringVersion = String(64)
REPLICATES = "<f4"
"""How NumPy names the type of stored replicates: float32, little-endian."""
