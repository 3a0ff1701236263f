"""What is written down and sent: the audit log, mails, and webhooks with their deliveries."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from core.models.base import Base, Name, Title, utc_now


class AuditEvent(Base):
    """One action of an organizer, an admin or the platform itself (no actor); never changed, never deleted.

    The database refuses both. `before` and `after` hold what the action changed; null where there is none.
    """

    __tablename__ = "audit_event"
    __table_args__ = (Index(None, "competition_id", "at"),)

    at: Mapped[datetime] = mapped_column(default=utc_now)
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("user.id"))
    actor_name: Mapped[str] = mapped_column(Name, default="")
    competition_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(Name)
    target: Mapped[str] = mapped_column(Title, default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class _Sending:
    """The columns of what the courier sends, again and again until it arrives or is given up."""

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime | None] = mapped_column(default=utc_now, index=True)
    sent_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(Text, default="")


class Mail(_Sending, Base):
    """A mail to somebody; without a `next_attempt_at` it was sent or given up."""

    __tablename__ = "mail"

    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(Title)
    body: Mapped[str] = mapped_column(Text)


class Webhook(Base):
    """An address of an organizer that is told of `events`; deliveries are signed with `secret`.

    `failures` are the failed attempts since the last that succeeded; too many end its being `active`.
    """

    __tablename__ = "webhook"

    competition_id: Mapped[UUID] = mapped_column(ForeignKey("competition.id"), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    secret: Mapped[str] = mapped_column(String(64))
    events: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class WebhookDelivery(_Sending, Base):
    """One event on its way to one address; `status` is what that answered last."""

    __tablename__ = "webhook_delivery"

    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhook.id"), index=True)
    event: Mapped[str] = mapped_column(Name)
    body: Mapped[dict[str, Any]]
    status: Mapped[int | None]
    webhook: Mapped[Webhook] = relationship()
