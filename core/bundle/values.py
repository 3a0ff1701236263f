"""The kinds of values in a competition.yaml: slugs, titles, texts, times."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from core.bundle.strict_yaml import is_storable

MAX_TEXT_CHARACTERS = 60_000
_YEARS = range(2000, 2200)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)?")


class Part(BaseModel):
    """What all parts of a competition.yaml have in common: no key is unknown, and nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _time(value: object) -> datetime:
    """Read a time, which has a zone, and return it in UTC: a number or a date alone is none."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        raise ValueError("must be a date, a time and its zone, for example 2023-07-01T00:00:00Z")
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} has no zone; write Z at its end for UTC, or as +02:00")
    if value.year not in _YEARS:
        raise ValueError(f"must be in the years {_YEARS[0]} to {_YEARS[-1]}")
    return value.astimezone(UTC)


def _one_line(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError("must be one line that can be printed, without spaces around it")
    return text


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("holds a character that cannot be shown")
    return text


Slug = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]
Time = Annotated[AwareDatetime, BeforeValidator(_time)]
Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Summary = Annotated[str, Field(max_length=10_000), AfterValidator(_storable)]
Text = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS), AfterValidator(_storable)]
