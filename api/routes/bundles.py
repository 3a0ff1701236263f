"""Competitions as bundles: created, exported, changed and deleted by those who run them."""

import sys
from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request, Response, status

from api import problems, uploads
from api.bundle_schemas import ChangesAnswer
from api.dependencies import (
    CurrentUser,
    NamedCompetition,
    NamedPhase,
    SentBundle,
    WritingSession,
)
from api.routing import Router
from api.schemas import CompetitionDetail
from core.bundle import applying, columns, files, reading, writing
from core.bundle.changes import digest_of
from core.errors import (
    ChangesRefusedError,
    DeletionRefusedError,
    InvalidCompetitionError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    OutdatedChangesError,
    UnseenChangesError,
    UploadTooLargeError,
)

router = Router(tags=["competitions"])

_Published = Annotated[
    bool | None, Query(description="Whether everybody sees it, in the place of what the bundle says.")
]
_REFUSALS = (NotAuthenticatedError, NotAllowedError, NotFoundError)
_ZIP: dict[int | str, dict[str, Any]] = {
    200: {"description": "A ZIP.", "content": {"application/zip": {"schema": {"type": "string"}}}}
}


def _shown(
    *,
    dry_run: Annotated[bool, Query(description="Show what would change, and change nothing.")] = False,
    if_match: Annotated[str | None, Header(description="The ETag of the changes as shown.")] = None,
) -> str | None:
    """Return the digest of the changes that are to be made; None if they are to be shown."""
    if dry_run:
        return None
    if if_match is None:
        raise UnseenChangesError("Ask with `dry_run=true` first, then send that answer's ETag as If-Match.")
    return if_match.strip('"')


_Shown = Annotated[str | None, Depends(_shown)]


@router.get(
    "/competition-schema",
    summary="Show the JSON Schema of a competition.yaml",
    response_class=Response,
    responses={
        200: {"description": "JSON Schema 2020-12", "content": {"application/schema+json": {}}},
        **problems.document(),
    },
)
def show_schema() -> Response:
    """Return what a competition.yaml may say, as JSON Schema 2020-12."""
    return Response(writing.schema(), media_type="application/schema+json")


@router.post(
    "/competitions",
    summary="Create a competition",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(
        NotAuthenticatedError, NotAllowedError, InvalidCompetitionError, UploadTooLargeError
    ),
    openapi_extra=uploads.BUNDLE_BODY,
    max_body_size=sys.maxsize,  # its own cap is enforced while the body is read
)
def create_competition(
    sent: SentBundle,
    user: CurrentUser,
    session: WritingSession,
    request: Request,
    response: Response,
    *,
    published: _Published = None,
) -> CompetitionDetail:
    """Create a competition from a bundle, a ZIP or a competition.yaml, and prepare its phases.

    Who creates it is its first organizer. A phase that could never be prepared is refused, with the place of
    the fault. What only the training can tell leaves it `broken`; its definition can still be changed.
    """
    spec = reading.take_in(sent)
    if published is not None:
        spec = spec.model_copy(update={"published": published})
    competition = applying.create(session, spec, user)
    response.headers["Location"] = request.app.url_path_for("show_competition", competition=competition.slug)
    return CompetitionDetail.of(competition)


@router.get(
    "/competitions/{competition}/bundle",
    summary="Export a competition",
    response_class=Response,
    responses={**_ZIP, **problems.document(*_REFUSALS)},
)
def export_competition(competition: NamedCompetition) -> Response:
    """Return the bundle of a competition; it names faces by their hashes, and holds no secret."""
    spec = columns.spec_of(competition)
    return Response(
        files.pack(writing.files_of(spec)),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{competition.slug}.zip"',
            "ETag": f'"{digest_of(spec)}"',
            "Cache-Control": "no-store",
        },
    )


@router.put(
    "/competitions/{competition}/bundle",
    summary="Change a competition",
    responses=problems.document(
        *_REFUSALS,
        InvalidCompetitionError,
        UploadTooLargeError,
        ChangesRefusedError,
        OutdatedChangesError,
        UnseenChangesError,
    ),
    openapi_extra=uploads.BUNDLE_BODY,
    max_body_size=sys.maxsize,  # as above
)
def change_competition(
    competition: NamedCompetition,
    sent: SentBundle,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
    shown: _Shown,
) -> ChangesAnswer:
    """Bring a competition to what a bundle says: with `dry_run` show how, then do exactly what was shown.

    The ETag of the first answer is the If-Match of the second request.
    """
    wanted = reading.take_in(sent)
    if shown is None:
        changes = applying.preview(session, competition.slug, wanted)
        response.headers["ETag"] = f'"{changes.digest}"'
        return ChangesAnswer.of(competition.slug, changes, applied=False)
    changes = applying.apply(session, competition.id, wanted, digest=shown, actor=user)
    return ChangesAnswer.of(competition.slug, changes, applied=True)


@router.delete(
    "/competitions/{competition}",
    summary="Delete a competition",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(*_REFUSALS, DeletionRefusedError),
)
def delete_competition(competition: NamedCompetition, user: CurrentUser, session: WritingSession) -> None:
    """Delete a competition without submissions, with its teams and announcements; others are kept."""
    applying.delete_competition(session, competition.id, actor=user)


@router.delete(
    "/competitions/{competition}/phases/{phase}",
    summary="Delete a phase",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(*_REFUSALS, DeletionRefusedError),
)
def delete_phase(phase: NamedPhase, user: CurrentUser, session: WritingSession) -> None:
    """Delete a phase without submissions; others are kept."""
    applying.delete_phase(session, phase.id, actor=user)
