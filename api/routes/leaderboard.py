"""The leaderboard of a phase, for programs."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Response, status

from api import problems
from api.dependencies import NamedPhase, ReadingSession
from api.leaderboard_schemas import LeaderboardAnswer
from core.errors import NotFoundError
from core.leaderboard import leaderboard

router = APIRouter(tags=["leaderboard"])


@router.get(
    "/competitions/{competition}/phases/{phase}/leaderboard",
    summary="Show the leaderboard",
    response_model=LeaderboardAnswer,
    responses={
        status.HTTP_304_NOT_MODIFIED: {"description": "Nothing has changed since the given ETag"},
        **problems.document(NotFoundError),
    },
)
def show_leaderboard(
    phase: NamedPhase,
    session: ReadingSession,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return the best submission of each participant, ranked, and the ceiling and floor of the phase."""
    body = LeaderboardAnswer.of(phase, leaderboard(session, phase)).model_dump_json().encode()
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
    if headers["ETag"] in (if_none_match or ""):
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
