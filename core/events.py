"""What happens in a competition that organizers' webhooks are told of."""

from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.models import Competition, Score, Submission, Webhook, WebhookDelivery

EVENTS = (
    "submission.finished",
    "submission.failed",
    "phase.opened",
    "phase.closed",
    "phase.migrated",
    "results.published",
    "announcement.made",
)
"""What a webhook may ask for; docs/organizing.md says what each one's `data` holds."""


def emit(session: Session, competition_id: UUID, event: str, body: dict[str, Any]) -> None:
    """Put one delivery into the outbox for every webhook of the competition that asks for this event.

    It leaves when the transaction has been committed, and not at all if it is rolled back.

    Args:
        session: the transaction in which it happens.
        competition_id: where it happens.
        event: one of `EVENTS`.
        body: ids, names and numbers, to which the competition's slug is added; may hold times and ids. No
            byte of it may come from what a submission is or does. Organizers may see every score, so scores
            may be in it.
    """
    assert event in EVENTS, event
    active = select(Webhook).where(Webhook.competition_id == competition_id, Webhook.active.is_(True))
    # JSON lists are not searched in the database: a competition has a handful of webhooks.
    asking = [webhook for webhook in session.scalars(active) if event in webhook.events]
    if not asking:
        return
    slug = session.scalars(select(Competition.slug).where(Competition.id == competition_id)).one()
    data = to_jsonable_python({"competition": slug, **body})
    for webhook in asking:
        session.add(WebhookDelivery(webhook_id=webhook.id, event=event, body=data, status=None))


def submission_ended(session: Session, submission: Submission, score: Score | None = None) -> None:
    """Tell how a submission ended, in words of ours: neither its file's name nor anything that it printed."""
    ended = {
        "phase": submission.phase.slug,
        "submission": submission.id,
        "team": submission.team.name,
        "verdict": submission.verdict,
        "final_score": None if score is None else score.final_score,
    }
    emit(session, submission.phase.competition_id, f"submission.{submission.state}", ended)
