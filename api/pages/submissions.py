"""The pages of one's submissions: those of a phase with the form to upload another, and each by itself."""

import sys
from typing import Annotated

from fastapi import Form, Request, Response, status
from sqlalchemy.orm import Session
from starlette.responses import HTMLResponse, RedirectResponse

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
from api.pages.rendering import render
from api.paging import Paging
from api.routes.submissions import describe
from api.routing import Router
from core import access, competitions, selection, submissions
from core.db import transaction
from core.errors import ParticipantError, PhaseClosedError
from core.lifecycle import ENDED, SubmissionState
from core.limits import limits_of
from core.models import Phase, Submission, utc_now
from core.visibility import Viewer

router = Router(include_in_schema=False, default_response_class=HTMLResponse)

_OF_PHASE = "/competitions/{competition}/phases/{phase}/submissions"
_FRESH = {"Cache-Control": "no-store"}


@router.get(_OF_PHASE)
def show_own_submissions_page(
    request: Request, phase: NamedPhase, viewer: CurrentViewer, page: Paging, session: ReadingSession
) -> Response:
    """Show the submissions of one's team in a phase, its quotas, and the form to upload another."""
    assert viewer.user_id is not None
    own = read_own(session, phase, viewer, page)
    return render(
        request,
        "submissions.html",
        headers=_FRESH,
        phase=phase,
        competition=phase.competition,
        part=access.find_participant(session, viewer.user_id, phase.competition_id),
        own=own.answer,
        next_cursor=own.next_cursor,
        closed_because=_closed_because(phase),
        limits=limits_of(phase),
    )


@router.post(_OF_PHASE, max_body_size=sys.maxsize)  # its own cap is enforced while the body is read
def upload_on_page(
    phase: NamedPhase, user: CurrentUser, upload: AdmittedUpload, session: WritingSession
) -> Response:
    """Take an upload in, and go on to its page."""
    receipt = submissions.accept(session, phase, user, upload)
    return _to(receipt.submission)


@router.get("/submissions/{submission_id}")
def show_submission_page(
    request: Request, submission: NamedSubmission, viewer: CurrentViewer, session: ReadingSession
) -> Response:
    """Show where a submission stands; the page keeps itself up to date until it has ended."""
    return _page(request, submission, viewer, session)


@router.post("/submissions/{submission_id}/cancel")
def cancel_on_page(
    request: Request, submission: NamedSubmission, user: CurrentUser, viewer: CurrentViewer
) -> Response:
    """Cancel a submission."""
    try:
        with transaction() as session:
            submissions.cancel(session, submission.id, actor=user)
    except ParticipantError as error:
        return _refused(request, submission, viewer, error)
    return _to(submission)


@router.post("/submissions/{submission_id}/selection")
def select_on_page(
    request: Request,
    submission: NamedSubmission,
    viewer: CurrentViewer,
    *,
    selected: Annotated[bool, Form()],
) -> Response:
    """Select a submission, or take that back."""
    try:
        with transaction() as session:
            change = selection.select_submission if selected else selection.deselect
            change(session, submission.id)
    except ParticipantError as error:
        return _refused(request, submission, viewer, error)
    return _to(submission)


def _to(submission: Submission) -> Response:
    return RedirectResponse(f"/submissions/{submission.id}", status.HTTP_303_SEE_OTHER)


def _closed_because(phase: Phase) -> str | None:
    try:
        competitions.check_open(phase)
    except PhaseClosedError as error:
        return str(error)
    return None


def _refused(request: Request, submission: Submission, viewer: Viewer, problem: ParticipantError) -> Response:
    with transaction() as session:
        return _page(request, submissions.find(session, submission.id), viewer, session, problem)


def _page(
    request: Request,
    submission: Submission,
    viewer: Viewer,
    session: Session,
    problem: ParticipantError | None = None,
) -> Response:
    assert viewer.user_id is not None
    phase = submission.phase
    is_member = access.is_member(session, viewer.user_id, submission.team_id)
    ended = submission.state in ENDED
    may_end = submission.rerun_of_id is None or viewer.is_organizer
    standing = submission.superseded_at is None and submission.disqualified_at is None
    return render(
        request,
        "submission.html",
        status=200 if problem is None else problem.status,
        headers=_FRESH,
        submission=describe(session, submission, viewer),
        phase=phase,
        competition=phase.competition,
        ended=ended,
        may_cancel=may_end and not ended and submission.state is not SubmissionState.SCORING,
        may_select=is_member
        and standing
        and submission.state is SubmissionState.FINISHED
        and not competitions.has_closed(phase, utc_now())
        and selection.most_selected(session, phase) > 0,
        most=selection.most_selected(session, phase),
        problem=problem,
        message="",
    )
