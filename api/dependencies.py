"""What routes and pages ask for: a session, who asks, what the address names, an upload that is admitted."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path, Request
from sqlalchemy.orm import Session

from api import limiting, uploads
from api.authorization import CurrentAccess
from core import intake
from core.db import reading, transaction
from core.errors import InvalidCompetitionError, InvalidSubmissionError
from core.intake import Announced, Upload
from core.limits import limits_of
from core.models import Competition, Phase, Submission, Team, User
from core.settings import get_settings
from core.visibility import Viewer

ClientAddress = Annotated[str, Depends(limiting.address_of)]
Slug = Annotated[str, Path(pattern=r"^[a-z0-9-]+$", max_length=64)]


def _reading_session() -> Iterator[Session]:
    with reading() as session:
        yield session


def _writing_session() -> Iterator[Session]:
    with transaction() as session:
        yield session


# scope="function": the commit happens before the response leaves, so that a 202 is never a lie.
ReadingSession = Annotated[Session, Depends(_reading_session, scope="function")]
WritingSession = Annotated[Session, Depends(_writing_session, scope="function")]


def _current_user(access: CurrentAccess) -> User:
    assert access.principal is not None, "the table says ANYONE for an address that needs somebody"
    return access.principal.user


def _current_session(access: CurrentAccess) -> UUID:
    assert access.principal is not None
    assert access.principal.session_id is not None, (
        "the table does not say BROWSER for an address that needs one"
    )
    return access.principal.session_id


# The guard reads the address itself; parameters that look unused check and document it.
def _named_competition(competition: Slug, access: CurrentAccess) -> Competition:  # noqa: ARG001
    assert access.competition is not None
    return access.competition


def _named_phase(competition: Slug, phase: Slug, access: CurrentAccess) -> Phase:  # noqa: ARG001
    assert access.phase is not None
    return access.phase


def _named_submission(submission_id: UUID, access: CurrentAccess) -> Submission:  # noqa: ARG001
    assert access.submission is not None
    return access.submission


def _named_team(team_id: UUID, access: CurrentAccess) -> Team:  # noqa: ARG001
    assert access.team is not None
    return access.team


# What the address names, as the guard found it: read, and detached from any session.
CurrentUser = Annotated[User, Depends(_current_user)]
CurrentSession = Annotated[UUID, Depends(_current_session)]
NamedCompetition = Annotated[Competition, Depends(_named_competition)]
NamedPhase = Annotated[Phase, Depends(_named_phase)]
NamedSubmission = Annotated[Submission, Depends(_named_submission)]
NamedTeam = Annotated[Team, Depends(_named_team)]


def _viewer(access: CurrentAccess) -> Viewer:
    return access.viewer


CurrentViewer = Annotated[Viewer, Depends(_viewer)]


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Your name for this upload: sent again under it, the same file gets the first answer.",
    ),
]


def _announced_upload(
    request: Request, phase: NamedPhase, user: CurrentUser, idempotency_key: IdempotencyKey = None
) -> Announced:
    declared = request.headers.get("Content-Length", "")
    announced = Announced(idempotency_key, int(declared) if declared.isdecimal() else None)
    # A session of its own, closed before the body is read.
    with reading() as session:
        intake.check(session, phase, user, announced)
    return announced


async def _admitted_upload(
    request: Request, phase: NamedPhase, announced: Annotated[Announced, Depends(_announced_upload)]
) -> AsyncIterator[Upload]:
    cap_bytes = min(limits_of(phase).upload_bytes, get_settings().max_upload_bytes)
    async with uploads.receive(request, cap_bytes=cap_bytes) as received:
        yield replace(received, key=announced.key)


async def _sent_bundle(request: Request, access: CurrentAccess) -> bytes:  # noqa: ARG001  # admitted first
    try:
        async with uploads.receive(request, cap_bytes=get_settings().max_upload_bytes) as received:
            return received.file.read()
    except InvalidSubmissionError as error:
        raise InvalidCompetitionError(
            f"Send the bundle as multipart/form-data; with curl write `-F {uploads.FIELD}=@bundle.zip`."
        ) from error


SentBundle = Annotated[bytes, Depends(_sent_bundle)]
AdmittedUpload = Annotated[Upload, Depends(_admitted_upload, scope="function")]
