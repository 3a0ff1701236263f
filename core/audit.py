"""The audit log: who did what to a competition, before and after. It is only added to."""

from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy.orm import Session

from core.models import AuditEvent, User

_MAX_TARGET_CHARACTERS = 200


def record(  # noqa: PLR0913  # one column each, all by keyword
    session: Session,
    *,
    actor: User | None,
    action: str,
    competition_id: UUID | None = None,
    target: str = "",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Write one action down, in the transaction that carries it out.

    Args:
        session: that transaction.
        actor: who acts; None is the platform itself.
        action: what, as `noun.verb` of at most 64 characters, for example `participant.ban`.
        competition_id: whose organizers may read it; None: admins alone.
        target: what it was done to, as people say it: a name, or `submission <id>`.
        reason: the one that the actor gave.
        before: what the action changed, as it was; None where there was nothing.
        after: the same, as it is now. Both may hold times, ids and words of ours; never a secret.
    """
    session.add(
        AuditEvent(
            actor_id=None if actor is None else actor.id,
            actor_name="" if actor is None else actor.name,
            competition_id=competition_id,
            action=action,
            target=target[:_MAX_TARGET_CHARACTERS],
            reason=reason,
            before=to_jsonable_python(before),
            after=to_jsonable_python(after),
        )
    )
