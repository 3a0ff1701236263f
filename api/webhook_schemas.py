"""The shapes of webhooks and their deliveries."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from api.organizing_schemas import Request
from api.schemas import Answer
from core.models import Webhook, WebhookDelivery

_Url = Annotated[str, Field(max_length=2000, description="`https://name[:443 or 8443]/…`, of a public name.")]
_Event = Annotated[str, Field(max_length=64)]
_Events = Annotated[list[_Event], Field(min_length=1, max_length=20)]


class NewWebhook(Request):
    """Where organizers want to be told of what."""

    url: _Url
    events: _Events


class WebhookChange(Request):
    """What is to be changed; what is left out stays. A webhook turned on again starts without failures."""

    url: _Url | None = None
    events: _Events | None = None
    active: bool | None = None


class WebhookAnswer(Answer):
    """A webhook, without its secret."""

    id: UUID
    url: str
    events: list[str]
    active: bool = Field(description="Turned off after too many failures in a row, or by an organizer.")
    failures: int = Field(description="Failed attempts since the last that succeeded.")
    created_at: datetime


class CreatedWebhook(WebhookAnswer):
    """A webhook that is new, with its secret, which is shown this once."""

    secret: str = Field(description="`whsec_` and the base64 of the key that signs (Standard Webhooks).")


class WebhookList(Answer):
    """The webhooks of a competition, oldest first, and the events that there are."""

    webhooks: list[WebhookAnswer]
    events: list[str]

    @classmethod
    def of(cls, webhooks: list[Webhook], events: tuple[str, ...]) -> Self:
        """Describe stored webhooks."""
        return cls(webhooks=[WebhookAnswer.model_validate(one) for one in webhooks], events=list(events))


class DeliveryAnswer(Answer):
    """One event on its way to a webhook."""

    id: UUID = Field(description="Also the `webhook-id` that the address gets, the same at every attempt.")
    event: str
    data: dict[str, Any]
    state: Literal["waiting", "delivered", "given up"]
    status: int | None = Field(description="What the address answered last.")
    problem: str = Field(description="Why the last attempt failed; empty if it did not.")
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    next_attempt_at: datetime | None

    @classmethod
    def of(cls, delivery: WebhookDelivery) -> Self:
        """Describe a stored delivery."""
        state: Literal["waiting", "delivered", "given up"] = "given up"
        if delivery.next_attempt_at is not None:
            state = "waiting"
        elif delivery.sent_at is not None:
            state = "delivered"
        return cls(
            id=delivery.id,
            event=delivery.event,
            data=delivery.body,
            state=state,
            status=delivery.status,
            problem=delivery.problem,
            attempts=delivery.attempts,
            created_at=delivery.created_at,
            sent_at=delivery.sent_at,
            next_attempt_at=delivery.next_attempt_at,
        )


class DeliveryList(Answer):
    """Deliveries to one webhook, newest first."""

    deliveries: list[DeliveryAnswer]
