"""What a submission was scored from and the report on it, for organizers."""

from fastapi import Response, status

from api import problems
from api.dependencies import NamedSubmission, ReadingSession
from api.routing import Router
from core import scores
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.storage import storage

router = Router(prefix="/submissions/{submission_id}", tags=["artifacts"])

_FILE = "application/octet-stream"


def _responses(media_type: str, description: str) -> dict[int | str, dict[str, object]]:
    answer: dict[int | str, dict[str, object]] = {
        status.HTTP_200_OK: {"content": {media_type: {}}, "description": description}
    }
    return answer | problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError)


@router.get(
    "/artifact",
    summary="Download the artifact of a submission",
    response_class=Response,
    responses=_responses(_FILE, "safetensors; `python -m scoring` reads it"),
)
def download_artifact(submission: NamedSubmission, session: ReadingSession) -> Response:
    """Return the one file that all scores of a submission can be computed from again."""
    sha256 = scores.find_artifact_sha256(session, submission.id)
    if sha256 is None:
        raise NotFoundError(f"Submission {submission.id} has no artifact: it has not been scored from one.")
    disposition = f'attachment; filename="{submission.id}.safetensors"'
    return Response(storage().get(sha256), media_type=_FILE, headers={"Content-Disposition": disposition})


@router.get(
    "/report",
    summary="Show the report on a submission",
    response_class=Response,
    responses=_responses("application/json", "The report"),
)
def show_report(submission: NamedSubmission, session: ReadingSession) -> Response:
    """Return all that was found out about a submission under the version that ranks."""
    score = scores.find_score(session, submission)
    if score is None or score.report_sha256 is None:
        raise NotFoundError(f"Submission {submission.id} has no report: it has not been scored with one.")
    return Response(storage().get(score.report_sha256), media_type="application/json")
