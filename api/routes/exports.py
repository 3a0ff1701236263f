"""What organizers take home of a phase."""

from fastapi import Response
from starlette.responses import StreamingResponse

from api import problems
from api.dependencies import NamedPhase, ReadingSession
from api.routing import Router
from core import export
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.models import Phase

router = Router(prefix="/competitions/{competition}/phases/{phase}", tags=["exports"])

_REFUSALS = problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError)


def _responses(media_type: str, description: str) -> dict[int | str, dict[str, object]]:
    return {200: {"content": {media_type: {}}, "description": description}, **_REFUSALS}


def _headers(phase: Phase, name: str) -> dict[str, str]:
    filename = f"{phase.competition.slug}-{phase.slug}-{name}"
    return {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}


@router.get(
    "/submissions.csv",
    summary="Download all submissions of a phase as CSV",
    response_class=Response,
    responses=_responses("text/csv", "A line a submission, all numbers in full"),
)
def download_submissions_csv(phase: NamedPhase, session: ReadingSession) -> Response:
    """Return every submission of the phase with its exact score under the version that ranks."""
    found = export.to_csv(export.records(session, phase))
    return Response(found, media_type="text/csv", headers=_headers(phase, "submissions.csv"))


@router.get(
    "/submissions.json",
    summary="Download all submissions of a phase as JSON",
    response_class=Response,
    responses=_responses("application/json", "A list of submissions, all numbers in full"),
)
def download_submissions_json(phase: NamedPhase, session: ReadingSession) -> Response:
    """Return the same as the CSV."""
    found = export.to_json(export.records(session, phase))
    return Response(found, media_type="application/json", headers=_headers(phase, "submissions.json"))


@router.get(
    "/export.zip",
    summary="Download a phase",
    response_class=StreamingResponse,
    responses=_responses("application/zip", "Tables, sources and artifacts; see docs/leaderboards.md"),
)
def download_phase(phase: NamedPhase, session: ReadingSession) -> Response:
    """Return rules, leaderboard, submissions, their sources and the artifacts that they were scored from.

    `docs/leaderboards/recompute.py` computes all scores and the ranking from it again.
    """
    pieces = export.archive(session, phase)
    return StreamingResponse(pieces, media_type="application/zip", headers=_headers(phase, "export.zip"))
