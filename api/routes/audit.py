"""The audit log: read in pages, or taken away as a whole."""

import csv
import io
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from uuid import UUID

from fastapi import Request, Response, status
from starlette.responses import StreamingResponse

from api import paging, problems
from api.dependencies import NamedCompetition, ReadingSession
from api.filters import LISTED, WantedEvents
from api.organizing_schemas import AuditEventAnswer, AuditList
from api.paging import Paging
from api.routing import Router
from core import audit
from core.audit import AuditFilter
from core.db import reading
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.models import AuditEvent

router = Router(tags=["audit"], responses=problems.document(NotAuthenticatedError, NotAllowedError))
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    """How the log is written: one JSON object a line, or a table."""

    JSONL = "jsonl"
    CSV = "csv"


_TYPES = {ExportFormat.JSONL: "application/jsonl", ExportFormat.CSV: "text/csv"}
_FILE: dict[int | str, dict[str, Any]] = {
    status.HTTP_200_OK: {
        "description": "Every event, oldest first",
        "content": {kind: {"schema": {"type": "string"}} for kind in _TYPES.values()},
    }
}


@router.get(
    "/competitions/{competition}/audit",
    summary="List what was done",
    responses=LISTED | problems.document(NotFoundError),
)
def list_audit(
    competition: NamedCompetition,
    wanted: WantedEvents,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> AuditList:
    """Return who did what to the competition, before and after, newest first."""
    listed = audit.list_events(session, competition.id, wanted, page)
    paging.link(request, response, listed.next_cursor)
    return AuditList(events=[AuditEventAnswer.model_validate(event) for event in listed.rows])


@router.get(
    "/competitions/{competition}/audit/export",
    summary="Take away what was done",
    response_class=StreamingResponse,
    responses=_FILE | problems.document(NotFoundError),
)
def export_audit(
    competition: NamedCompetition,
    wanted: WantedEvents,
    format: ExportFormat = ExportFormat.JSONL,  # noqa: A002
) -> Response:
    """Return the whole log of the competition as JSON lines or CSV, oldest first."""
    return _file(competition.id, wanted, format, name=f"{competition.slug}-audit")


@router.get("/audit", summary="List what was done everywhere", responses=LISTED)
def list_whole_audit(
    wanted: WantedEvents, page: Paging, session: ReadingSession, request: Request, response: Response
) -> AuditList:
    """Return who did what in the whole installation, before and after, newest first."""
    listed = audit.list_events(session, None, wanted, page)
    paging.link(request, response, listed.next_cursor)
    return AuditList(events=[AuditEventAnswer.model_validate(event) for event in listed.rows])


@router.get(
    "/audit/export",
    summary="Take away what was done everywhere",
    response_class=StreamingResponse,
    responses=_FILE,
)
def export_whole_audit(
    wanted: WantedEvents,
    format: ExportFormat = ExportFormat.JSONL,  # noqa: A002
) -> Response:
    """Return the whole log as JSON lines or CSV, oldest first."""
    return _file(None, wanted, format, name="audit")


def _file(competition_id: UUID | None, wanted: AuditFilter, kind: ExportFormat, *, name: str) -> Response:
    disposition = {
        "Content-Disposition": f'attachment; filename="{name}.{kind}"',
        "Cache-Control": "no-store",
    }
    lines = _lines(competition_id, wanted, kind)
    return StreamingResponse(lines, media_type=_TYPES[kind], headers=disposition)


def _lines(competition_id: UUID | None, wanted: AuditFilter, kind: ExportFormat) -> Iterator[str]:
    # A session of its own: that of a dependency is closed before the answer has left.
    with reading() as session:
        if kind is ExportFormat.CSV:
            yield _row(list(AuditEventAnswer.model_fields))
        for event in audit.export(session, competition_id, wanted):
            answer = AuditEventAnswer.model_validate(event)
            yield f"{answer.model_dump_json()}\n" if kind is ExportFormat.JSONL else _row(_cells(event))


def _cells(event: AuditEvent) -> list[str]:
    values = AuditEventAnswer.model_validate(event).model_dump(mode="json").values()
    return [
        "" if value is None else value if isinstance(value, str) else json.dumps(value) for value in values
    ]


def _row(cells: list[str]) -> str:
    buffer = io.StringIO()
    # What people wrote must not become a formula in a spreadsheet.
    csv.writer(buffer).writerow(f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in cells)
    return buffer.getvalue()
