"""The courier: everything is sent once, outages are waited for, and what cannot be sent is given up."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
import time_machine
from sqlalchemy import delete, null, select, update
from sqlalchemy.exc import OperationalError

from core import accounts, db, events, mail, outbox, webhooks
from core.errors import MailError
from core.models import Mail, Webhook, WebhookDelivery, utc_now
from core.settings import get_settings
from tests.support.competition import make_phase
from worker import courier, deliveries
from worker.deliveries import Outcome


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep the addresses of what is sent instead of sending it."""
    sent: list[str] = []
    monkeypatch.setattr(mail, "send", lambda row: sent.append(row.to))
    return sent


def _write(*addresses: str) -> None:
    with db.transaction() as session:
        for address in addresses:
            mail.write(session, address, "Hello", "A secret link")


def _rows() -> list[Mail]:
    with db.reading() as session:
        return list(session.scalars(select(Mail).order_by(Mail.to)))


def _emit(count: int = 1) -> None:
    phase = make_phase()
    with db.transaction() as session:
        olga = accounts.create_user(session, "olga").user
        wanted = ["phase.opened"]
        webhooks.create(session, olga, phase.competition_id, url="https://hooks.example.org", events=wanted)
    with db.transaction() as session:
        for _ in range(count):
            events.emit(session, phase.competition_id, "phase.opened", {})


def _statuses() -> list[tuple[int | None, str]]:
    with db.reading() as session:
        return [(row.status, row.problem) for row in session.scalars(select(WebhookDelivery))]


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_mail_is_sent_once_and_its_text_is_not_kept(installation: Path, mails: list[str]) -> None:
    _write("ada@example.org", "bob@example.org")
    while courier.send_mail():
        pass
    assert sorted(mails) == ["ada@example.org", "bob@example.org"]
    assert all(row.sent_at is not None and row.next_attempt_at is None for row in _rows())
    assert [row.body for row in _rows()] == ["", ""]


def test_mail_is_tried_again_after_an_outage(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_row: Mail) -> None:
        raise MailError("the server is down")

    _write("ada@example.org")
    monkeypatch.setattr(mail, "send", refuse)
    assert courier.send_mail()
    assert not courier.send_mail()
    (row,) = _rows()
    assert (row.problem, row.sent_at, row.body) == ("the server is down", None, "A secret link")
    sent: list[str] = []
    monkeypatch.setattr(mail, "send", lambda row: sent.append(row.to))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=31)):
        assert courier.send_mail()
    assert sent == ["ada@example.org"]


def test_mail_that_breaks_the_courier_does_not_keep_others(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    def send(row: Mail) -> None:
        if row.to.startswith("bad"):
            raise ValueError(row.to)
        sent.append(row.to)

    _write("bad@example.org", "good@example.org")
    monkeypatch.setattr(mail, "send", send)
    while courier.send_mail():
        pass
    assert sent == ["good@example.org"]
    assert "courier's log" in _rows()[0].problem


def test_two_couriers_send_nothing_twice(installation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send(row: Mail) -> None:
        time.sleep(0.001)
        sent.append(row.to)

    addresses = [f"user{number}@example.org" for number in range(30)]
    _write(*addresses)
    monkeypatch.setattr(mail, "send", send)

    def drain() -> None:
        while courier.send_mail():
            pass

    threads = [threading.Thread(target=drain) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while courier.send_mail():
        pass
    assert sorted(sent) == sorted(addresses)


def test_deliveries_of_a_round_are_sent_side_by_side_and_settled(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(_message: webhooks.Message) -> Outcome:
        await anyio.sleep(0.2)
        return Outcome(204, "")

    _emit(10)
    monkeypatch.setattr(deliveries, "send", send)
    started = time.monotonic()
    assert courier.send_deliveries()
    assert time.monotonic() - started < 1.5
    assert _statuses() == [(204, "")] * 10
    assert not courier.send_deliveries()


def test_delivery_that_breaks_the_courier_is_tried_again_later(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(_message: webhooks.Message) -> Outcome:
        raise ValueError("unforeseen")

    _emit()
    monkeypatch.setattr(deliveries, "send", send)
    assert courier.send_deliveries()
    ((status, problem),) = _statuses()
    assert status is None
    assert "courier's log" in problem


def test_courier_that_died_while_sending_leaves_the_row_to_the_next(
    installation: Path, mails: list[str]
) -> None:
    _write("ada@example.org")
    with db.transaction() as session:
        assert len(outbox.claim(session, Mail, limit=1)) == 1
    assert not courier.send_mail()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6)):
        assert courier.send_mail()
    assert mails == ["ada@example.org"]


def test_run_survives_an_outage_of_the_database_and_ends_when_told(
    home: Path, mails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_PAUSE_S", 0.01)
    claim, failures = outbox.claim, []

    def fail_at_first(*arguments: object, **options: object) -> object:
        if len(failures) < 4:
            failures.append(1)
            raise OperationalError("SELECT 1", {}, Exception("the database is down"))
        return claim(*arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(outbox, "claim", fail_at_first)
    _write("ada@example.org")
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        _wait_for(lambda: mails == ["ada@example.org"])
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join(timeout=10)
    assert not thread.is_alive()


def test_webhook_deleted_while_it_is_called_is_no_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def send(_message: webhooks.Message) -> Outcome:
        with db.transaction() as session:
            webhook = session.scalars(select(Webhook)).one()
            olga = accounts.create_user(session, "olga").user
            webhooks.remove(session, olga, webhook)
        return Outcome(204, "")

    _emit()
    monkeypatch.setattr(deliveries, "send", send)
    assert courier.send_deliveries()
    assert _statuses() == []


def test_what_ended_long_ago_is_forgotten_and_what_waits_stays(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_SENT_KEPT_DAYS", "10")
    get_settings.cache_clear()
    now, day = utc_now(), timedelta(days=1)
    kept = {"waits": (99, None, True), "sent": (99, 9.9, False), "given-up": (9.9, None, False)}
    gone = {"old-sent": (99, 10.1, False), "old-given-up": (10.1, None, False)}
    _emit()
    with db.transaction() as session:
        hook = session.scalars(select(Webhook)).one()
        session.execute(delete(WebhookDelivery))
        for name, (made, sent, waits) in (kept | gone).items():
            ended = {
                "created_at": now - made * day,
                "sent_at": None if sent is None else now - sent * day,
                "next_attempt_at": now if waits else null(),  # None would be the default: at once
            }
            session.add(Mail(to=name, subject="", body="", **ended))
            session.add(WebhookDelivery(webhook_id=hook.id, event=name, body={}, **ended))
    assert courier.forget_old() is False
    with db.reading() as session:
        assert set(session.scalars(select(Mail.to))) == set(kept)
        assert set(session.scalars(select(WebhookDelivery.event))) == set(kept)
    assert courier.forget_old() is False


def test_what_is_old_is_forgotten_a_batch_at_a_time(
    installation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "_FORGOTTEN_AT_ONCE", 2)
    long_ago = utc_now() - timedelta(days=31)
    with db.transaction() as session:
        ended = {"created_at": long_ago, "sent_at": long_ago, "next_attempt_at": null()}
        session.add_all(Mail(to=str(at), subject="", body="", **ended) for at in range(5))
    left = []
    while courier.forget_old():
        left.append(len(_rows()))
    assert (left, len(_rows())) == ([3, 1], 0)


def test_run_forgets_what_is_old(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write("ada@example.org")
    with db.transaction() as session:
        long_ago = utc_now() - timedelta(days=31)
        session.execute(update(Mail).values(created_at=long_ago, next_attempt_at=None))
    stop = threading.Event()
    thread = threading.Thread(target=courier.run, args=(stop,))
    thread.start()
    try:
        _wait_for(lambda: _rows() == [])
    finally:
        stop.set()
        thread.join(timeout=10)
