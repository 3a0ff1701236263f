"""Webhooks of organizers: where they are told of events, and what was sent there."""

from uuid import UUID

from fastapi import Request, Response, status

from api import paging, problems
from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.filters import LISTED
from api.paging import Paging
from api.routing import Router
from api.webhook_schemas import (
    CreatedWebhook,
    DeliveryAnswer,
    DeliveryList,
    NewWebhook,
    WebhookAnswer,
    WebhookChange,
    WebhookList,
)
from core import events, webhooks
from core.errors import (
    InvalidWebhookError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    WebhookOffError,
)
from core.models import Competition

router = Router(
    prefix="/competitions/{competition}/webhooks",
    tags=["webhooks"],
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)


@router.get("", summary="List the webhooks")
def list_webhooks(competition: NamedCompetition, session: ReadingSession) -> WebhookList:
    """Return the webhooks of the competition, and the events that one may ask for."""
    return WebhookList.of(webhooks.list_all(session, competition.id), events.EVENTS)


@router.post(
    "",
    summary="Add a webhook",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(InvalidWebhookError),
)
def create_webhook(
    competition: NamedCompetition, new: NewWebhook, user: CurrentUser, session: WritingSession
) -> CreatedWebhook:
    """Have an address told of events. The secret that signs deliveries is in this answer and in no other."""
    made = webhooks.create(session, user, competition.id, url=new.url, events=new.events)
    return CreatedWebhook.model_validate(made)


@router.get("/{webhook_id}", summary="Show a webhook")
def show_webhook(competition: NamedCompetition, webhook_id: UUID, session: ReadingSession) -> WebhookAnswer:
    """Return a webhook, without its secret."""
    return WebhookAnswer.model_validate(webhooks.find(session, competition.id, webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook", responses=problems.document(InvalidWebhookError))
def change_webhook(
    competition: NamedCompetition,
    webhook_id: UUID,
    change: WebhookChange,
    user: CurrentUser,
    session: WritingSession,
) -> WebhookAnswer:
    """Change the address or the events of a webhook, or turn it off or on."""
    webhook = webhooks.find(session, competition.id, webhook_id, lock=True)
    webhooks.change(session, user, webhook, url=change.url, events=change.events, active=change.active)
    return WebhookAnswer.model_validate(webhook)


@router.delete("/{webhook_id}", summary="Delete a webhook", status_code=status.HTTP_204_NO_CONTENT)
def delete_webhook(
    competition: NamedCompetition, webhook_id: UUID, user: CurrentUser, session: WritingSession
) -> None:
    """Delete a webhook and what is known of its deliveries."""
    webhooks.remove(session, user, webhooks.find(session, competition.id, webhook_id, lock=True))


@router.post(
    "/{webhook_id}/test",
    summary="Try a webhook",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(WebhookOffError),
)
def try_webhook(
    competition: NamedCompetition,
    webhook_id: UUID,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
) -> DeliveryAnswer:
    """Have the event `webhook.test` delivered, which means nothing."""
    webhook = webhooks.find(session, competition.id, webhook_id, lock=True)
    response.headers["Location"] = _deliveries_of(competition, webhook_id)
    return DeliveryAnswer.of(webhooks.send_test(session, user, webhook))


@router.get(
    "/{webhook_id}/deliveries",
    summary="List the deliveries",
    responses=LISTED,
)
def list_deliveries(
    competition: NamedCompetition,
    webhook_id: UUID,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> DeliveryList:
    """Return what was sent to a webhook, or waits to be, and how that went, newest first."""
    webhook = webhooks.find(session, competition.id, webhook_id)
    listed = webhooks.list_deliveries(session, webhook, page)
    paging.link(request, response, listed.next_cursor)
    return DeliveryList(deliveries=[DeliveryAnswer.of(delivery) for delivery in listed.rows])


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    summary="Send a delivery again",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(WebhookOffError),
)
def redeliver(
    competition: NamedCompetition,
    webhook_id: UUID,
    delivery_id: UUID,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
) -> DeliveryAnswer:
    """Send a delivery again, whether it arrived or was given up, under the id that it had."""
    webhook = webhooks.find(session, competition.id, webhook_id, lock=True)
    response.headers["Location"] = _deliveries_of(competition, webhook_id)
    return DeliveryAnswer.of(webhooks.redeliver(session, user, webhook, delivery_id))


def _deliveries_of(competition: Competition, webhook_id: UUID) -> str:
    return f"/api/v1/competitions/{competition.slug}/webhooks/{webhook_id}/deliveries"
