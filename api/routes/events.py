"""Live progress of a submission, as server-sent events."""

import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple
from uuid import UUID

import anyio
from anyio import to_thread
from fastapi import Depends, Header, Response, status
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api import problems
from api.dependencies import CurrentUser, CurrentViewer, NamedSubmission
from api.routes.submissions import describe
from api.routing import Router
from core import submissions
from core.db import reading
from core.errors import NotAuthenticatedError, NotFoundError, RateLimitedError
from core.lifecycle import ENDED
from core.visibility import Viewer

router = Router(tags=["submissions"])

_INTERVAL_S = 1.0
_LONGEST_S = 300.0
"""A stream ends after this long, and its reader comes back and is checked anew: a token may be revoked."""
_RECONNECT_MS = 2000
_MAX_STREAMS = 8

_streams: Counter[UUID] = Counter()
"""Open streams of each account in this process; changed by the event loop alone."""


class _State(NamedTuple):
    id: str
    answer: str
    has_ended: bool


def _read(submission_id: UUID, viewer: Viewer) -> _State:
    with reading() as session:
        submission = submissions.find(session, submission_id)
        answer = describe(session, submission, viewer).model_dump_json()
        digest = hashlib.sha256(answer.encode()).hexdigest()[:32]
        return _State(digest, answer, submission.state in ENDED)


async def _stream(user: CurrentUser) -> AsyncIterator[None]:
    if _streams[user.id] >= _MAX_STREAMS:
        raise RateLimitedError(
            f"You have {_MAX_STREAMS} streams of events open; close one of them first.",
            retry_after_s=round(_RECONNECT_MS / 1000),
        )
    _streams[user.id] += 1
    try:
        yield
    finally:
        _streams[user.id] -= 1
        if not _streams[user.id]:
            del _streams[user.id]


_Seen = Annotated[
    str | None, Header(alias="Last-Event-ID", description="The `id` of the last event that arrived.")
]


def _first_state(
    submission: NamedSubmission, viewer: CurrentViewer, response: Response, last_event_id: _Seen = None
) -> _State:
    state = _read(submission.id, viewer)
    if state.has_ended and state.id == last_event_id:
        response.status_code = status.HTTP_204_NO_CONTENT  # by this a browser knows not to come back
    return state


@router.get(
    "/submissions/{submission_id}/events",
    summary="Follow a submission live",
    response_class=EventSourceResponse,
    dependencies=[Depends(_stream)],
    responses={
        status.HTTP_204_NO_CONTENT: {"description": "The event with this id was the last"},
        **problems.document(NotAuthenticatedError, NotFoundError, RateLimitedError),
    },
)
async def follow_submission(
    submission: NamedSubmission,
    viewer: CurrentViewer,
    state: Annotated[_State, Depends(_first_state)],
    last_event_id: _Seen = None,
) -> AsyncIterator[ServerSentEvent]:
    """Send an event `state` whenever the submission of yours changes; its data is what `GET` of it answers.

    The first event says how it stands now, unless `Last-Event-ID` says that you know. Changes are looked for
    once a second; of several in between the last one is sent. The stream ends after the event of a submission
    that has ended. It also ends after 5 minutes: come back with `Last-Event-ID`, and nothing is missed or
    sent twice. An account may have 8 streams open.
    """
    seen, ends_at = last_event_id, time.monotonic() + _LONGEST_S
    while True:
        if state.id != seen:
            seen = state.id
            yield ServerSentEvent(raw_data=state.answer, event="state", id=seen, retry=_RECONNECT_MS)
        if state.has_ended or time.monotonic() >= ends_at:
            return
        await anyio.sleep(_INTERVAL_S)
        state = await to_thread.run_sync(_read, submission.id, viewer)
