"""The shapes of what organizers are told of a competition's definition and its changes."""

from typing import Any, Self

from pydantic import Field

from api.schemas import Answer
from core.bundle.changes import Change, Changes


class ChangeAnswer(Answer):
    """One key of the definition that changes."""

    path: str = Field(
        description="As in competition.yaml, with the slug of a phase in the place of its index."
    )
    before: Any = Field(description="Null where there was nothing.")
    after: Any = Field(description="Null where there will be nothing.")
    allowed: bool
    refused_because: str | None = Field(description="Null if it is allowed.")
    entails: str = Field(description="What follows from it, where that is not plain.")

    @classmethod
    def of(cls, change: Change) -> Self:
        """Describe a change."""
        because = change.decision.refused_because
        return cls(
            path=change.path,
            before=change.before,
            after=change.after,
            allowed=because is None,
            refused_because=because,
            entails=change.decision.entails,
        )


class ChangesAnswer(Answer):
    """What a new definition changes, or has changed; the ETag of the answer stands for exactly this."""

    competition: str
    applied: bool = Field(description="Whether it has been done; with `dry_run` never.")
    allowed: bool = Field(description="Whether all of it may be done; otherwise none is.")
    changes: list[ChangeAnswer]

    @classmethod
    def of(cls, competition: str, changes: Changes, *, applied: bool) -> Self:
        """Describe changes."""
        return cls(
            competition=competition,
            applied=applied,
            allowed=not changes.refused,
            changes=[ChangeAnswer.of(change) for change in changes.changes],
        )
