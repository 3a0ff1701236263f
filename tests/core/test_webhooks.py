"""Webhooks: who is told of what, signed, and what happens when an address does not answer."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import time_machine
from sqlalchemy import select

from core import accounts, db, events, outbox, webhooks
from core.errors import InvalidWebhookError, NotFoundError, WebhookOffError
from core.models import AuditEvent, User, Webhook, WebhookDelivery
from core.paging import Page
from tests.support.competition import make_phase

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
URL = "https://hooks.example.org/lethe"


@pytest.fixture
def competition_id(installation: Path) -> UUID:
    return make_phase().competition_id


@pytest.fixture
def olga(installation: Path) -> User:
    with db.transaction() as session:
        return accounts.create_user(session, "olga").user


def _make(competition_id: UUID, olga: User, *wanted: str) -> Webhook:
    with db.transaction() as session:
        return webhooks.create(session, olga, competition_id, url=URL, events=wanted or events.EVENTS)


def _emit(competition_id: UUID, event: str = "phase.opened") -> None:
    with db.transaction() as session:
        events.emit(session, competition_id, event, {"phase": "check", "at": NOW, "id": UUID(int=1)})


def _deliveries() -> list[WebhookDelivery]:
    with db.reading() as session:
        return list(session.scalars(select(WebhookDelivery).order_by(WebhookDelivery.created_at)))


def _actions() -> list[str]:
    with db.reading() as session:
        return list(session.scalars(select(AuditEvent.action).order_by(AuditEvent.at)))


def _fail_once(problem: str = "down") -> None:
    with db.transaction() as session:
        claimed = [(row.id, row.attempts) for row in outbox.claim(session, WebhookDelivery, limit=1)]
    for delivery_id, attempt in claimed:
        with db.transaction() as session:
            webhooks.settle(session, delivery_id, attempt=attempt, status=500, problem=problem)


def test_event_goes_to_the_webhooks_that_ask_for_it(competition_id: UUID, olga: User) -> None:
    asking = _make(competition_id, olga, "phase.opened")
    _make(competition_id, olga, "phase.closed")
    off = _make(competition_id, olga)
    with db.transaction() as session:
        webhooks.change(session, olga, webhooks.find(session, competition_id, off.id), active=False)
    _emit(competition_id)
    _emit(uuid4())
    (delivery,) = _deliveries()
    assert delivery.webhook_id == asking.id
    assert delivery.body == {
        "competition": "demo",
        "phase": "check",
        "at": "2026-01-02T03:04:05Z",
        "id": str(UUID(int=1)),
    }


def test_event_of_a_transaction_that_fails_is_not_told(competition_id: UUID, olga: User) -> None:
    _make(competition_id, olga)
    with pytest.raises(RuntimeError), db.transaction() as session:
        events.emit(session, competition_id, "phase.opened", {})
        raise RuntimeError
    assert _deliveries() == []


def test_message_is_signed_as_standard_webhooks_says(competition_id: UUID, olga: User) -> None:
    webhook = _make(competition_id, olga)
    _emit(competition_id)
    (delivery,) = _deliveries()
    with time_machine.travel(NOW, tick=False):
        message = webhooks.message(webhook, delivery)
    assert message.headers["webhook-id"] == str(delivery.id)
    assert message.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    signed = f"{delivery.id}.{int(NOW.timestamp())}.".encode() + message.body
    key = base64.b64decode(webhook.secret.removeprefix("whsec_"))
    assert len(key) == 32
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert message.headers["webhook-signature"] == f"v1,{expected}"
    content = json.loads(message.body)
    assert content == {
        "type": "phase.opened",
        "timestamp": delivery.created_at.isoformat(),
        "data": delivery.body,
    }


@pytest.mark.parametrize("wanted", [[], ["phase.opened", "nothing"], ["webhook.test"]])
def test_unknown_event_is_refused(competition_id: UUID, olga: User, wanted: list[str]) -> None:
    with pytest.raises(InvalidWebhookError), db.transaction() as session:
        webhooks.create(session, olga, competition_id, url=URL, events=wanted)


def test_competition_has_so_many_webhooks_at_most(competition_id: UUID, olga: User) -> None:
    for _ in range(webhooks.MAX_WEBHOOKS):
        _make(competition_id, olga)
    with pytest.raises(InvalidWebhookError, match="at most 10"):
        _make(competition_id, olga)


def test_every_change_is_written_down_once_and_never_with_the_secret(
    competition_id: UUID, olga: User
) -> None:
    webhook = _make(competition_id, olga)
    with db.transaction() as session:
        found = webhooks.find(session, competition_id, webhook.id)
        webhooks.change(session, olga, found, events=["phase.closed"])
        delivery = webhooks.send_test(session, olga, found)
        session.flush()
        webhooks.redeliver(session, olga, found, delivery.id)
    with db.transaction() as session:
        webhooks.remove(session, olga, webhooks.find(session, competition_id, webhook.id))
    actions = ["create", "change", "test", "redeliver", "delete"]
    assert _actions() == [f"webhook.{action}" for action in actions]
    with db.reading() as session:
        written = list(session.scalars(select(AuditEvent).order_by(AuditEvent.at)))
        assert all(event.competition_id == competition_id for event in written)
        assert webhook.secret not in repr([(event.before, event.after, event.target) for event in written])
        assert session.scalar(select(Webhook.id)) is None
    assert written[1].before["events"] == list(events.EVENTS)
    assert written[1].after["events"] == ["phase.closed"]
    assert _deliveries() == []


def test_webhook_of_another_competition_is_not_found(competition_id: UUID, olga: User) -> None:
    webhook = _make(competition_id, olga)
    with pytest.raises(NotFoundError), db.transaction() as session:
        webhooks.find(session, uuid4(), webhook.id)
    other = _make(competition_id, olga)
    _emit(competition_id)
    theirs = next(row for row in _deliveries() if row.webhook_id == other.id)
    with pytest.raises(NotFoundError), db.transaction() as session:
        found = webhooks.find(session, competition_id, webhook.id)
        webhooks.redeliver(session, olga, found, theirs.id)


def test_failed_delivery_is_tried_eight_times_more_ever_later_and_then_given_up(
    competition_id: UUID, olga: User
) -> None:
    _make(competition_id, olga)
    with time_machine.travel(NOW, tick=False) as clock:
        _emit(competition_id)
        waits = []
        while True:
            _fail_once()
            (delivery,) = _deliveries()
            if delivery.next_attempt_at is None:
                break
            wait = delivery.next_attempt_at - datetime.now(UTC)
            waits.append(wait)
            clock.shift(wait - timedelta(seconds=1))
            _fail_once("too early")
            clock.shift(1)
    assert [wait.total_seconds() for wait in waits] == [30.0 * 3**n for n in range(8)]
    assert (delivery.attempts, delivery.sent_at, delivery.status) == (9, None, 500)
    assert delivery.problem == "down"


def test_twenty_failures_in_a_row_turn_a_webhook_off(competition_id: UUID, olga: User) -> None:
    webhook = _make(competition_id, olga)
    for _ in range(25):
        _emit(competition_id)
    for _ in range(19):
        _fail_once()
    with db.reading() as session:
        assert session.get_one(Webhook, webhook.id).active
    _fail_once("it is gone")
    with db.reading() as session:
        assert not session.get_one(Webhook, webhook.id).active
        written = session.scalars(select(AuditEvent).where(AuditEvent.action == "webhook.turn_off")).one()
    assert (written.actor_id, written.reason) == (None, "it is gone")
    assert (written.before["active"], written.after["active"]) == (True, False)
    assert all(delivery.next_attempt_at is None for delivery in _deliveries())
    with pytest.raises(WebhookOffError), db.transaction() as session:
        webhooks.send_test(session, olga, webhooks.find(session, competition_id, webhook.id))


def test_success_starts_the_count_of_failures_anew(competition_id: UUID, olga: User) -> None:
    webhook = _make(competition_id, olga)
    _emit(competition_id)
    _emit(competition_id)
    _fail_once()
    with db.transaction() as session:
        (row,) = outbox.claim(session, WebhookDelivery, limit=1)
    with db.transaction() as session:
        webhooks.settle(session, row.id, attempt=1, status=204, problem="")
        assert session.get_one(Webhook, webhook.id).failures == 0
    done = next(delivery for delivery in _deliveries() if delivery.id == row.id)
    assert (done.status, done.next_attempt_at, done.problem) == (204, None, "")
    assert done.sent_at is not None


def test_outcome_of_an_attempt_that_another_has_overtaken_is_not_kept(
    competition_id: UUID, olga: User
) -> None:
    _make(competition_id, olga)
    _emit(competition_id)
    with db.transaction() as session:
        (row,) = outbox.claim(session, WebhookDelivery, limit=1)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=False):
        with db.transaction() as session:
            assert len(outbox.claim(session, WebhookDelivery, limit=1)) == 1
        with db.transaction() as session:
            webhooks.settle(session, row.id, attempt=1, status=500, problem="late")
    assert [(one.problem, one.attempts) for one in _deliveries()] == [("", 2)]


def test_deliveries_are_listed_newest_first(competition_id: UUID, olga: User) -> None:
    webhook = _make(competition_id, olga)
    for event in ("phase.opened", "phase.closed", "announcement.made"):
        _emit(competition_id, event)
    with db.reading() as session:
        first = webhooks.list_deliveries(session, webhook, Page(limit=2))
        second = webhooks.list_deliveries(session, webhook, Page(limit=2, cursor=first.next_cursor))
    assert [row.event for row in first.rows + second.rows] == [
        "announcement.made",
        "phase.closed",
        "phase.opened",
    ]
