"""The courier: sends mails and deliveries to webhooks, which wait in the database until it does.

Long after they were sent, or given up, it deletes them.

Like the sweeper it is a loop of its own: it needs no broker. Several may run at once.
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import anyio
import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import db, mail, outbox, webhooks
from core.errors import MailError
from core.models import Mail, Webhook, WebhookDelivery, utc_now
from core.settings import get_settings
from core.webhooks import Message
from worker import deliveries
from worker.deliveries import Outcome

log = structlog.get_logger(__name__)

_PAUSE_S = 2.0
_TIDYING_PAUSE_S = 3600.0
_AT_ONCE = 20
_FORGOTTEN_AT_ONCE = 500
_BROKE = "Lethe could not send this; the operators find why in the courier's log."


class _Claimed(NamedTuple):
    delivery_id: UUID
    attempt: int
    message: Message


def run(stop: threading.Event) -> None:
    """Work until `stop` is set. Mails and deliveries have a thread each: neither waits for the other."""
    pauses_s = {send_mail: _PAUSE_S, send_deliveries: _PAUSE_S, forget_old: _TIDYING_PAUSE_S}
    threads = [
        threading.Thread(target=_loop, args=(stop, work, pause_s), name=work.__name__)
        for work, pause_s in pauses_s.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _loop(stop: threading.Event, work: Callable[[], bool], pause_s: float) -> None:
    try:
        while not stop.is_set():
            if not _work_through_outages(work):
                stop.wait(pause_s)
    finally:
        stop.set()  # a courier that does only half of its work is to be started again


def _work_through_outages(work: Callable[[], bool]) -> bool:
    try:
        return work()
    except SQLAlchemyError as error:
        log.warning("courier_failed", work=work.__name__, error=str(error))
        return False


def send_mail() -> bool:
    """Send the mail that has been due for the longest; return whether there was one."""
    with db.transaction() as session:
        claimed = outbox.claim(session, Mail, limit=1)
    for row in claimed:
        problem = ""
        try:
            mail.send(row)
        except MailError as error:
            problem = str(error)
        except Exception:  # one mail must not keep the others from being sent
            log.exception("mail_broke", mail_id=str(row.id))
            problem = _BROKE
        _settle_mail(row, problem)
    return bool(claimed)


def _settle_mail(sent: Mail, problem: str) -> None:
    with db.transaction() as session:
        row = outbox.find_claimed(session, Mail, sent.id, attempt=sent.attempts)
        if row is None:
            return
        if problem:
            outbox.note_failed(row, problem)
        else:
            outbox.note_sent(row)
        if row.next_attempt_at is None:
            row.body = ""  # it may hold a token; nobody reads it here any more
    log.info("mail_attempted", mail_id=str(sent.id), attempt=sent.attempts, problem=problem)


def send_deliveries() -> bool:
    """Send the deliveries that have been due for the longest, side by side; return whether there were any."""
    with db.transaction() as session:
        claimed = [
            _Claimed(row.id, row.attempts, webhooks.message(session.get_one(Webhook, row.webhook_id), row))
            for row in outbox.claim(session, WebhookDelivery, limit=_AT_ONCE)
        ]
    for one, outcome in anyio.run(_send_all, claimed) if claimed else ():
        with db.transaction() as session:
            webhooks.settle(
                session, one.delivery_id, attempt=one.attempt, status=outcome.status, problem=outcome.problem
            )
        log.info("delivery_attempted", delivery_id=str(one.delivery_id), status=outcome.status)
    return bool(claimed)


def forget_old() -> bool:
    """Delete some of what was sent, or given up, longer ago than the settings say; return if more may be."""
    before = utc_now() - timedelta(days=get_settings().sent_kept_days)
    with db.transaction() as session:
        mails = outbox.forget(session, Mail, before=before, limit=_FORGOTTEN_AT_ONCE)
    with db.transaction() as session:
        gone = outbox.forget(session, WebhookDelivery, before=before, limit=_FORGOTTEN_AT_ONCE)
    if mails or gone:
        log.info("old_forgotten", mails=mails, deliveries=gone)
    return _FORGOTTEN_AT_ONCE in {mails, gone}


async def _send_all(claimed: list[_Claimed]) -> list[tuple[_Claimed, Outcome]]:
    sent: list[tuple[_Claimed, Outcome]] = []

    async def send_one(one: _Claimed) -> None:
        try:
            outcome = await deliveries.send(one.message)
        except Exception:  # one delivery must not keep the others from being sent
            log.exception("delivery_broke", delivery_id=str(one.delivery_id))
            outcome = Outcome(None, _BROKE)
        sent.append((one, outcome))

    async with anyio.create_task_group() as group:
        for one in claimed:
            group.start_soon(send_one, one)
    return sent
