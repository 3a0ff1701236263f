"""Submissions: uploaded, and followed by their owner."""

import sys

from fastapi import Request, Response, status
from sqlalchemy.orm import Session
from starlette.responses import PlainTextResponse

from api import disclosure, paging, problems, uploads
from api.dependencies import (
    AdmittedUpload,
    CurrentUser,
    CurrentViewer,
    NamedPhase,
    NamedSubmission,
    ReadingSession,
    WritingSession,
)
from api.own_submissions import read_own
from api.paging import Paging
from api.routing import Router
from api.schemas import RunAnswer, RunList, SubmissionAnswer
from api.team_schemas import OwnSubmissions
from core import runs, scores, selection, submissions
from core.errors import (
    CancellationRefusedError,
    IdempotencyKeyReusedError,
    InvalidCursorError,
    InvalidSubmissionError,
    NotAuthenticatedError,
    NotFoundError,
    NotParticipantError,
    PhaseClosedError,
    QuotaExceededError,
    SelectionRefusedError,
    UploadTooLargeError,
)
from core.models import Submission
from core.visibility import Viewer

router = Router(tags=["submissions"])


@router.post(
    "/competitions/{competition}/phases/{phase}/submissions",
    summary="Upload a submission",
    status_code=status.HTTP_202_ACCEPTED,
    responses={
        status.HTTP_200_OK: {"model": SubmissionAnswer, "description": "The same bytes were there before"},
        **problems.document(
            NotAuthenticatedError,
            NotFoundError,
            NotParticipantError,
            PhaseClosedError,
            UploadTooLargeError,
            InvalidSubmissionError,
            IdempotencyKeyReusedError,
            QuotaExceededError,
        ),
    },
    openapi_extra=uploads.REQUEST_BODY,
    # The phase's own cap is enforced while the body is read, after the token was checked and as a problem;
    # the application's cap would answer in plain text before either.
    max_body_size=sys.maxsize,
)
def upload_submission(
    phase: NamedPhase,
    user: CurrentUser,
    upload: AdmittedUpload,
    viewer: CurrentViewer,
    session: WritingSession,
    response: Response,
) -> SubmissionAnswer:
    """Take in a file or archive that defines `unlearning(net, retain, forget, val)`, and queue its runs.

    Uploading the same bytes to the same phase again returns the submission that is there, and costs nothing.
    What counts against which quota: docs/rules.md.
    """
    # User and phase come from sessions that are closed: the file is checked before a transaction begins.
    receipt = submissions.accept(session, phase, user, upload)
    if receipt.created:
        response.headers["Location"] = f"/api/v1/submissions/{receipt.submission.id}"
    else:
        response.status_code = status.HTTP_200_OK
    return describe(session, receipt.submission, viewer)


@router.get(
    "/competitions/{competition}/phases/{phase}/submissions/mine",
    summary="List your submissions",
    responses={
        200: paging.LINKED,
        **problems.document(NotAuthenticatedError, NotFoundError, InvalidCursorError),
    },
)
def list_own_submissions(
    phase: NamedPhase,
    viewer: CurrentViewer,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> OwnSubmissions:
    """Return the submissions of your team in a phase, newest first, and what its quotas leave it."""
    own = read_own(session, phase, viewer, page)
    paging.link(request, response, own.next_cursor)
    return own.answer


@router.post(
    "/submissions/{submission_id}/cancel",
    summary="Cancel a submission",
    responses=problems.document(NotAuthenticatedError, NotFoundError, CancellationRefusedError),
)
def cancel_submission(
    submission: NamedSubmission, user: CurrentUser, viewer: CurrentViewer, session: WritingSession
) -> SubmissionAnswer:
    """End a submission whose runs are not complete. It does not count against your quotas."""
    submissions.cancel(session, submission.id, actor=user)
    return describe(session, submissions.find(session, submission.id), viewer)


@router.put(
    "/submissions/{submission_id}/selection",
    summary="Select a submission",
    responses=problems.document(NotAuthenticatedError, NotFoundError, SelectionRefusedError),
)
def select_submission(
    submission: NamedSubmission, viewer: CurrentViewer, session: WritingSession
) -> SubmissionAnswer:
    """Choose a submission of your team for the next phase, or to be ranked by."""
    selection.select_submission(session, submission.id)
    return describe(session, submissions.find(session, submission.id), viewer)


@router.delete(
    "/submissions/{submission_id}/selection",
    summary="Deselect a submission",
    responses=problems.document(NotAuthenticatedError, NotFoundError, SelectionRefusedError),
)
def deselect_submission(
    submission: NamedSubmission, viewer: CurrentViewer, session: WritingSession
) -> SubmissionAnswer:
    """Take a selection back."""
    selection.deselect(session, submission.id)
    return describe(session, submissions.find(session, submission.id), viewer)


@router.get(
    "/submissions/{submission_id}",
    summary="Follow a submission",
    responses=problems.document(NotAuthenticatedError, NotFoundError),
)
def show_submission(
    submission: NamedSubmission, viewer: CurrentViewer, session: ReadingSession
) -> SubmissionAnswer:
    """Return where a submission of yours stands, and its score once it has one."""
    return describe(session, submission, viewer)


@router.get(
    "/submissions/{submission_id}/runs",
    summary="List the runs of a submission",
    responses=problems.document(NotAuthenticatedError, NotFoundError),
)
def list_runs(submission: NamedSubmission, session: ReadingSession) -> RunList:
    """Return the runs of a submission of yours that have ended; a hidden phase shows only which failed."""
    listed = disclosure.runs(
        submission, runs.list_runs(session, submission.id, with_logs=submission.phase.show_logs)
    )
    return RunList(
        n_models=submission.phase.n_models, runs=[RunAnswer.of(submission.phase, run) for run in listed]
    )


@router.get(
    "/submissions/{submission_id}/log",
    summary="Read what the runs of a submission printed",
    response_class=PlainTextResponse,
    responses=problems.document(NotAuthenticatedError, NotFoundError),
)
def read_log(submission: NamedSubmission, session: ReadingSession) -> Response:
    """Return the logs of a submission of yours, run after run, as inert text: of a hidden phase nothing.

    Control characters are written out, so that the text is harmless in a terminal too.
    """
    text = disclosure.log_text(
        submission, runs.list_runs(session, submission.id, with_logs=submission.phase.show_logs)
    )
    return PlainTextResponse(text, headers={"Content-Security-Policy": "default-src 'none'; sandbox"})


def describe(session: Session, submission: Submission, viewer: Viewer) -> SubmissionAnswer:
    """Return a submission as somebody may see it now."""
    return SubmissionAnswer.of(
        submission,
        viewer=viewer,
        n_ended=runs.count_runs(session, submission.id),
        failed_run=runs.find_failed_run(session, submission.id),
        score=scores.find_score(session, submission),
    )
