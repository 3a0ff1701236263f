"""Webhooks: where organizers of a competition want to be told of events, and what was sent there."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from core import addresses, audit, outbox, paging
from core.errors import InvalidWebhookError, NotFoundError, WebhookOffError
from core.events import EVENTS
from core.models import User, Webhook, WebhookDelivery, utc_now
from core.paging import Listed, Page

TEST_EVENT = "webhook.test"
MAX_WEBHOOKS = 10
"""How many a competition may have."""

MAX_FAILURES = 20
"""After how many failed attempts in a row a webhook is turned off."""

_SECRET_PREFIX = "whsec_"  # noqa: S105  # no secret, but how one begins
_TURNED_OFF = f"The webhook was turned off after {MAX_FAILURES} failures in a row."


class Message(NamedTuple):
    """What is sent to a webhook: to `url`, these bytes under these headers."""

    url: str
    body: bytes
    headers: dict[str, str]


def create(
    session: Session, actor: User, competition_id: UUID, *, url: str, events: Sequence[str]
) -> Webhook:
    """Add a webhook; its secret, which signs deliveries, is to be shown this once.

    Raises:
        InvalidWebhookError: the address is not one that Lethe calls, an event does not exist, or the
            competition has as many webhooks as it may.
    """
    addresses.check_url(url)
    count = select(func.count()).where(Webhook.competition_id == competition_id)
    if (session.scalar(count) or 0) >= MAX_WEBHOOKS:
        raise InvalidWebhookError(f"A competition has at most {MAX_WEBHOOKS} webhooks; delete one first.")
    secret = _SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    webhook = Webhook(
        competition_id=competition_id, url=url, secret=secret, events=_known(events), active=True, failures=0
    )
    session.add(webhook)
    session.flush()
    _record(session, actor, "webhook.create", webhook, before=None)
    return webhook


def list_all(session: Session, competition_id: UUID) -> list[Webhook]:
    """Return the webhooks of a competition, oldest first."""
    oldest_first = select(Webhook).where(Webhook.competition_id == competition_id)
    return list(session.scalars(oldest_first.order_by(Webhook.created_at, Webhook.id)))


def find(session: Session, competition_id: UUID, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    """Return a webhook of a competition; with `lock`, one that nobody else changes meanwhile.

    Raises:
        NotFoundError: the competition has none with this id.
    """
    query = select(Webhook).where(Webhook.id == webhook_id, Webhook.competition_id == competition_id)
    webhook = session.scalar(query.with_for_update() if lock else query)
    if webhook is None:
        raise NotFoundError(f"There is no webhook {webhook_id}.")
    return webhook


def change(
    session: Session,
    actor: User,
    webhook: Webhook,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
) -> None:
    """Change what is not None; a webhook that is turned on again starts without failures.

    Raises:
        InvalidWebhookError: as `create`.
    """
    before = _described(webhook)
    if url is not None:
        addresses.check_url(url)
        webhook.url = url
    if events is not None:
        webhook.events = _known(events)
    if active is not None:
        webhook.active = active
        webhook.failures = 0
        if not active:
            _give_up_waiting(session, webhook, "The webhook was turned off.")
    _record(session, actor, "webhook.change", webhook, before=before)


def remove(session: Session, actor: User, webhook: Webhook) -> None:
    """Delete a webhook and what is known of its deliveries."""
    session.execute(delete(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id))
    session.delete(webhook)
    audit.record(
        session,
        actor=actor,
        action="webhook.delete",
        competition_id=webhook.competition_id,
        target=webhook.url,
        before=_described(webhook),
    )


def send_test(session: Session, actor: User, webhook: Webhook) -> WebhookDelivery:
    """Have an event sent that means nothing, whatever events the webhook asks for.

    Raises:
        WebhookOffError: the webhook is turned off.
    """
    _check_on(webhook)
    delivery = WebhookDelivery(webhook_id=webhook.id, event=TEST_EVENT, body={"webhook": str(webhook.id)})
    session.add(delivery)
    session.flush()
    _record(session, actor, "webhook.test", webhook, before=None)
    return delivery


def list_deliveries(session: Session, webhook: Webhook, page: Page) -> Listed[WebhookDelivery]:
    """Return the deliveries to a webhook, newest first."""
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook.id)
    return paging.fetch(session, query, page, by=(WebhookDelivery.created_at, WebhookDelivery.id))


def redeliver(session: Session, actor: User, webhook: Webhook, delivery_id: UUID) -> WebhookDelivery:
    """Send a delivery again, under the id that it had, with all its attempts before it.

    Raises:
        NotFoundError: the webhook has no such delivery.
        WebhookOffError: the webhook is turned off.
    """
    _check_on(webhook)
    query = select(WebhookDelivery).where(
        WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook.id
    )
    delivery = session.scalar(query.with_for_update(of=WebhookDelivery))
    if delivery is None:
        raise NotFoundError(f"There is no delivery {delivery_id}.")
    before = {"sent_at": delivery.sent_at, "attempts": delivery.attempts}
    delivery.attempts, delivery.next_attempt_at, delivery.sent_at = 0, utc_now(), None
    audit.record(
        session,
        actor=actor,
        action="webhook.redeliver",
        competition_id=webhook.competition_id,
        target=f"delivery {delivery.id}",
        before=before,
        after={"sent_at": None, "attempts": 0},
    )
    return delivery


def message(webhook: Webhook, delivery: WebhookDelivery) -> Message:
    """Return what is sent, signed as of now (Standard Webhooks 1.0: HMAC-SHA256 of id.timestamp.body)."""
    event = {"type": delivery.event, "timestamp": delivery.created_at.isoformat(), "data": delivery.body}
    body = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
    timestamp = str(int(utc_now().timestamp()))
    key = base64.b64decode(webhook.secret.removeprefix(_SECRET_PREFIX))
    digest = hmac.digest(key, f"{delivery.id}.{timestamp}.".encode() + body, hashlib.sha256)
    headers = {
        "content-type": "application/json",
        "user-agent": "Lethe-Webhooks/1",
        "webhook-id": str(delivery.id),
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }
    return Message(webhook.url, body, headers)


def settle(session: Session, delivery_id: UUID, *, attempt: int, status: int | None, problem: str) -> None:
    """Note how an attempt at a delivery went; too many failures in a row turn its webhook off.

    Args:
        session: a transaction of its own.
        delivery_id: what was sent.
        attempt: the attempt, as it was counted when it was claimed.
        status: what the address answered; None if it did not.
        problem: why that is a failure, in words for organizers; empty for a success.
    """
    # The webhook is locked before its deliveries, as everywhere.
    of_delivery = select(Webhook).join(WebhookDelivery).where(WebhookDelivery.id == delivery_id)
    webhook = session.scalar(of_delivery.with_for_update(of=Webhook))
    delivery = outbox.find_claimed(session, WebhookDelivery, delivery_id, attempt=attempt)
    if webhook is None or delivery is None:
        return
    delivery.status = status
    if not problem:
        outbox.note_sent(delivery)
        webhook.failures = 0
        return
    outbox.note_failed(delivery, problem)
    webhook.failures += 1
    if webhook.failures >= MAX_FAILURES and webhook.active:
        before = _described(webhook)
        webhook.active = False
        session.flush()
        _give_up_waiting(session, webhook, _TURNED_OFF)
        _record(session, None, "webhook.turn_off", webhook, before=before, reason=problem)


def _give_up_waiting(session: Session, webhook: Webhook, problem: str) -> None:
    waiting = update(WebhookDelivery).where(
        WebhookDelivery.webhook_id == webhook.id, WebhookDelivery.next_attempt_at.is_not(None)
    )
    session.execute(waiting.values(next_attempt_at=None, problem=problem))


def _check_on(webhook: Webhook) -> None:
    if not webhook.active:
        raise WebhookOffError("This webhook is turned off. Turn it on first.")


def _known(events: Sequence[str]) -> list[str]:
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        raise InvalidWebhookError(f"A webhook asks for one or more of {', '.join(EVENTS)}.")
    return [event for event in EVENTS if event in events]


def _described(webhook: Webhook) -> dict[str, Any]:
    return {"url": webhook.url, "events": webhook.events, "active": webhook.active}


def _record(
    session: Session,
    actor: User | None,
    action: str,
    webhook: Webhook,
    *,
    before: dict[str, Any] | None,
    reason: str = "",
) -> None:
    audit.record(
        session,
        actor=actor,
        action=action,
        competition_id=webhook.competition_id,
        target=webhook.url,
        reason=reason,
        before=before,
        after=_described(webhook),
    )
