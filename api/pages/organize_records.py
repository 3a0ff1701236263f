"""The organizers' pages of what is under way, what was told, and what was done: queue, announcements, log."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Form, Request, Response
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse

from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.filters import WantedEvents
from api.pages.organizing import back, show
from api.paging import Paging
from api.routing import Router
from api.webhook_schemas import DeliveryAnswer
from api.worker_schemas import WorkerAnswer
from core import announcements, audit, events, nodes, webhooks, workload
from core.models import Competition, Webhook
from core.paging import Listed

router = Router(
    prefix="/competitions/{competition}/organize",
    include_in_schema=False,
    default_response_class=HTMLResponse,
)

_Subject = Annotated[str, Form(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
_Body = Annotated[str, Form(min_length=1, max_length=20_000, pattern=r"^[^\x00]*$")]
_FILTERS = ("actor", "action", "target", "since", "until")


class WebhookAction(StrEnum):
    """What the page of webhooks does to one of them."""

    TEST = "test"
    ON = "on"
    OFF = "off"
    DELETE = "delete"


@router.get("/queue")
def show_queue(
    request: Request, competition: NamedCompetition, session: ReadingSession, page: Paging
) -> Response:
    """Show what runs where, what waits and why, and which hosts there are."""
    listed = workload.list_pieces(session, competition.id, page)
    hosts = [WorkerAnswer.of(node) for node in nodes.list_nodes(session)]
    return show(request, "organize_queue.html", competition, listed=listed, hosts=hosts)


@router.get("/announcements")
def show_announcements(
    request: Request, competition: NamedCompetition, session: ReadingSession, page: Paging
) -> Response:
    """Show what was announced, and a form for more."""
    listed = announcements.list_announcements(session, competition.id, page)
    return show(request, "organize_announcements.html", competition, listed=listed)


@router.post("/announcements")
def make_announcement(
    competition: NamedCompetition,
    user: CurrentUser,
    session: WritingSession,
    *,
    subject: _Subject,
    body: _Body,
) -> Response:
    """Announce something."""
    announcements.make(session, user, competition, subject=subject, body=body.replace("\r\n", "\n"))
    return back(competition, "/announcements", done="announced")


@router.get("/webhooks")
def show_webhooks(request: Request, competition: NamedCompetition, session: ReadingSession) -> Response:
    """Show the webhooks of the competition, and a form for another one."""
    return _show_webhooks(request, competition, session, made=None)


@router.post("/webhooks")
def create_webhook(
    request: Request,
    competition: NamedCompetition,
    user: CurrentUser,
    session: WritingSession,
    *,
    url: Annotated[str, Form(max_length=2000)],
    wanted: Annotated[list[str] | None, Form(max_length=20)] = None,
) -> Response:
    """Add a webhook, and show its secret this once."""
    made = webhooks.create(session, user, competition.id, url=url.strip(), events=wanted or [])
    return _show_webhooks(request, competition, session, made=made)


@router.post("/webhooks/{webhook_id}/{action}")
def change_webhook(
    competition: NamedCompetition,
    webhook_id: UUID,
    action: WebhookAction,
    user: CurrentUser,
    session: WritingSession,
) -> Response:
    """Try a webhook, turn it on or off, or delete it."""
    webhook = webhooks.find(session, competition.id, webhook_id, lock=True)
    if action is WebhookAction.TEST:
        webhooks.send_test(session, user, webhook)
        return back(competition, f"/webhooks/{webhook_id}", done=action)
    if action is WebhookAction.DELETE:
        webhooks.remove(session, user, webhook)
    else:
        webhooks.change(session, user, webhook, active=action is WebhookAction.ON)
    return back(competition, "/webhooks", done=action)


@router.get("/webhooks/{webhook_id}")
def show_deliveries(
    request: Request, competition: NamedCompetition, webhook_id: UUID, session: ReadingSession, page: Paging
) -> Response:
    """Show what was sent to a webhook."""
    webhook = webhooks.find(session, competition.id, webhook_id)
    found = webhooks.list_deliveries(session, webhook, page)
    listed = Listed([DeliveryAnswer.of(delivery) for delivery in found.rows], found.next_cursor)
    return show(request, "organize_deliveries.html", competition, webhook=webhook, listed=listed)


@router.post("/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver")
def redeliver(
    competition: NamedCompetition,
    webhook_id: UUID,
    delivery_id: UUID,
    user: CurrentUser,
    session: WritingSession,
) -> Response:
    """Send a delivery again."""
    webhook = webhooks.find(session, competition.id, webhook_id, lock=True)
    webhooks.redeliver(session, user, webhook, delivery_id)
    return back(competition, f"/webhooks/{webhook_id}", done="redelivered")


@router.get("/audit")
def show_audit(
    request: Request,
    competition: NamedCompetition,
    session: ReadingSession,
    wanted: WantedEvents,
    page: Paging,
) -> Response:
    """Show who did what to the competition."""
    listed = audit.list_events(session, competition.id, wanted, page)
    filters = {
        name: request.query_params.get(name, "") for name in ("actor", "action", "target", "since", "until")
    }
    query = urlencode({name: value for name, value in filters.items() if value})
    return show(request, "organize_audit.html", competition, listed=listed, filters=filters, query=query)


def _show_webhooks(
    request: Request, competition: Competition, session: Session, *, made: Webhook | None
) -> Response:
    found = webhooks.list_all(session, competition.id)
    return show(
        request, "organize_webhooks.html", competition, webhooks=found, events=events.EVENTS, made=made
    )
