"""How much a team may submit in a phase."""

from pydantic import BaseModel, ConfigDict, Field


class Quotas(BaseModel):
    """How many submissions a team may have in a phase: on one day, in all, and not ended yet; None: any."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_day: int | None = Field(default=None, ge=0, le=1_000_000)
    total: int | None = Field(default=None, ge=0, le=1_000_000)
    concurrent: int | None = Field(default=None, ge=1, le=1_000_000)
