"""What organizers decide about submissions and teams: reruns, disqualification, migration, quotas."""

from uuid import UUID

from fastapi import Request, Response, status
from sqlalchemy.orm import Session

from api import paging, problems
from api.dependencies import (
    CurrentUser,
    NamedPhase,
    NamedSubmission,
    NamedTeam,
    ReadingSession,
    WritingSession,
)
from api.filters import LISTED, Letters
from api.moderation_schemas import (
    BulkRerunAnswer,
    BulkRerunRequest,
    DatasetAnswer,
    MigrationAnswer,
    MigrationRequest,
    TeamQuotaAnswer,
    TeamQuotaList,
)
from api.organizing_schemas import FoundSubmission, OptionalReason, Reason
from api.paging import Paging
from api.routing import Router
from core import advancing, bulk_reruns, datasets, reruns, scores, submissions, team_quotas
from core.errors import (
    MigrationRefusedError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    RerunRefusedError,
)
from core.models import Phase
from core.quotas import Quotas
from core.submission_search import Found

router = Router(
    tags=["moderation"],
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)
_PHASE = "/competitions/{competition}/phases/{phase}"


@router.post(
    "/submissions/{submission_id}/rerun",
    summary="Run a submission again",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(RerunRefusedError),
)
def rerun_submission(
    submission: NamedSubmission,
    given: OptionalReason,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
) -> FoundSubmission:
    """Run a submission that has ended once more, under new seeds; it costs its team no quota.

    The answer is the new submission, which takes the place of the old one when it has ended.
    """
    again = reruns.rerun(session, submission.id, actor=user, reason=given.reason)
    response.headers["Location"] = f"/api/v1/submissions/{again.id}"
    return _answer(session, again.id)


@router.post("/submissions/{submission_id}/disqualify", summary="Disqualify a submission")
def disqualify_submission(
    submission: NamedSubmission, given: Reason, user: CurrentUser, session: WritingSession
) -> FoundSubmission:
    """Take a submission out of the ranking and of what migrates; its owner sees the reason."""
    reruns.disqualify(session, submission.id, actor=user, reason=given.reason)
    return _answer(session, submission.id)


@router.post("/submissions/{submission_id}/restore", summary="Take a disqualification back")
def restore_submission(
    submission: NamedSubmission, given: OptionalReason, user: CurrentUser, session: WritingSession
) -> FoundSubmission:
    """Let a disqualified submission rank again."""
    reruns.restore(session, submission.id, actor=user, reason=given.reason)
    return _answer(session, submission.id)


@router.post(
    f"{_PHASE}/rerun",
    summary="Run many submissions of a phase again",
    status_code=status.HTTP_202_ACCEPTED,
)
def rerun_phase(
    phase: NamedPhase,
    wanted: BulkRerunRequest,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
) -> BulkRerunAnswer:
    """Run all submissions of a phase again, or those that a filter picks out.

    What has not ended, is run again already, has been, or was cancelled, is skipped.
    """
    response.headers["Location"] = _list_of(phase)
    made = bulk_reruns.rerun_all(session, phase, wanted.filter(), actor=user, reason=wanted.reason)
    return BulkRerunAnswer.model_validate(made)


@router.post(
    f"{_PHASE}/migrate",
    summary="Take submissions into a phase",
    status_code=status.HTTP_202_ACCEPTED,
    responses=problems.document(MigrationRefusedError),
)
def migrate_submissions(
    phase: NamedPhase,
    wanted: MigrationRequest,
    user: CurrentUser,
    session: WritingSession,
    response: Response,
) -> MigrationAnswer:
    """Run submissions of an earlier phase here too: those named, or what all teams selected there."""
    response.headers["Location"] = _list_of(phase)
    taken = advancing.migrate(session, phase, wanted.submissions, actor=user)
    return MigrationAnswer(submissions=[one.id for one in taken])


@router.get(f"{_PHASE}/quotas", summary="List what the teams have used", responses=LISTED)
def list_quotas(  # FastAPI hands in one thing each
    *,
    phase: NamedPhase,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
    name: Letters = "",
) -> TeamQuotaList:
    """Return every team's quotas in a phase, and what of them it has used."""
    listed = team_quotas.list_usage(session, phase, page, name=name)
    paging.link(request, response, listed.next_cursor)
    return TeamQuotaList(teams=[TeamQuotaAnswer.of(usage) for usage in listed.rows])


@router.put(f"{_PHASE}/quotas/{{team_id}}", summary="Give a team quotas of its own")
def allow_team(
    phase: NamedPhase, team: NamedTeam, wanted: Quotas, user: CurrentUser, session: WritingSession
) -> TeamQuotaAnswer:
    """Give one team other quotas in a phase; what is null stays as the phase says."""
    return TeamQuotaAnswer.of(team_quotas.allow(session, phase, team.id, wanted, actor=user))


@router.delete(f"{_PHASE}/quotas/{{team_id}}", summary="Give a team the phase's quotas again")
def reset_team(
    phase: NamedPhase, team: NamedTeam, user: CurrentUser, session: WritingSession
) -> TeamQuotaAnswer:
    """End what was allowed to one team alone."""
    return TeamQuotaAnswer.of(team_quotas.reset(session, phase, team.id, actor=user))


@router.get(f"{_PHASE}/dataset", summary="Show what data a phase runs on")
def show_dataset(phase: NamedPhase) -> DatasetAnswer:
    """Return which bundle is stored for a phase, and how many images are in each of its splits."""
    return DatasetAnswer.of(phase, datasets.find_manifest(phase))


def _answer(session: Session, submission_id: UUID) -> FoundSubmission:
    found = submissions.find(session, submission_id)
    return FoundSubmission.of(Found(found, scores.find_score(session, found)))


def _list_of(phase: Phase) -> str:
    """Return where organizers follow all submissions of a phase."""
    return f"/api/v1/competitions/{phase.competition.slug}/submissions?phase={phase.slug}"
