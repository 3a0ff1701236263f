"""Results of a phase and the winners of a competition; baselines beside the ranking."""

from typing import Annotated

from fastapi import Query, Response, status
from pydantic import Field

from api import etags, problems
from api.dependencies import CurrentUser, NamedCompetition, NamedPhase, NamedSubmission, WritingSession
from api.etags import IfNoneMatch
from api.leaderboard_schemas import (
    BaselineAnswer,
    BaselineRequest,
    PublicationAnswer,
    WinnerAnswer,
    WinnerRequest,
)
from api.routing import Router
from core import baselines, results, winners
from core.errors import (
    BaselineRefusedError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
    PublicationRefusedError,
    ResultsPublishedError,
    WinnersRefusedError,
)
from core.storage import storage

router = Router(tags=["results"])

_PHASE = "/competitions/{competition}/phases/{phase}"
_REFUSALS = (NotAuthenticatedError, NotAllowedError, NotFoundError)
_Winners = Annotated[list[WinnerRequest], Field(max_length=100)]


@router.post(
    f"{_PHASE}/results",
    summary="Publish the results of a phase",
    status_code=status.HTTP_201_CREATED,
    responses=problems.document(*_REFUSALS, PublicationRefusedError, ResultsPublishedError),
)
def publish_results(phase: NamedPhase, user: CurrentUser, session: WritingSession) -> PublicationAnswer:
    """Freeze the ranking and all scores into one file, and show them to everybody from now on.

    Nothing of the phase may be at work, and it must have closed. Nothing that the file says can change
    afterwards.
    """
    published = results.publish(session, phase.id, actor=user)
    return PublicationAnswer.of(published, phase.competition.slug)


@router.get(
    f"{_PHASE}/results",
    summary="Download the results of a phase",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {}}, "description": "The file; its sha256 is the ETag"},
        **etags.NOT_MODIFIED,
        **problems.document(NotFoundError),
    },
)
def download_results(phase: NamedPhase, if_none_match: IfNoneMatch = None) -> Response:
    """Return the results file as it was published, to the byte."""
    sha256 = results.sha256_of(phase)
    return etags.answer(
        storage().get(sha256),
        media_type="application/json",
        if_none_match=if_none_match,
        headers={},
        tag=sha256,
    )


@router.delete(
    f"{_PHASE}/results",
    summary="Take published results back",
    responses=problems.document(*_REFUSALS),
)
def take_results_back(
    phase: NamedPhase,
    user: CurrentUser,
    session: WritingSession,
    reason: Annotated[str, Query(min_length=1, max_length=1000, description="For the audit log.")],
) -> PublicationAnswer:
    """End the publication, so that something of the phase can change; what was published stays on record."""
    taken_back = results.take_back(session, phase.id, actor=user, reason=reason)
    return PublicationAnswer.of(taken_back, phase.competition.slug)


@router.put(
    "/competitions/{competition}/winners",
    summary="Announce the winners",
    responses=problems.document(*_REFUSALS, WinnersRefusedError),
)
def announce_winners(
    competition: NamedCompetition, wanted: _Winners, user: CurrentUser, session: WritingSession
) -> list[WinnerAnswer]:
    """Show these winners, in the place of any before, on the pages of the competition; none takes them back.

    The results of at least one phase must be published.
    """
    announced = winners.announce(session, competition.id, [one.to_winner() for one in wanted], actor=user)
    return [WinnerAnswer.model_validate(one) for one in announced]


@router.put(
    "/submissions/{submission_id}/baseline",
    summary="Show a submission as a baseline",
    tags=["baselines"],
    responses=problems.document(*_REFUSALS, BaselineRefusedError, ResultsPublishedError),
)
def mark_baseline(
    submission: NamedSubmission, wanted: BaselineRequest, user: CurrentUser, session: WritingSession
) -> BaselineAnswer:
    """Have a submission stand beside the ranking under a name, and never in it."""
    return BaselineAnswer.model_validate(baselines.mark(session, submission.id, name=wanted.name, actor=user))


@router.delete(
    "/submissions/{submission_id}/baseline",
    summary="Have a baseline rank again",
    tags=["baselines"],
    responses=problems.document(*_REFUSALS, ResultsPublishedError),
)
def unmark_baseline(
    submission: NamedSubmission, user: CurrentUser, session: WritingSession
) -> BaselineAnswer:
    """Have a submission stand for its team like any other."""
    return BaselineAnswer.model_validate(baselines.unmark(session, submission.id, actor=user))
