"""Who takes part and who organizes, the submissions, and the work under way: for organizers."""

from uuid import UUID

from fastapi import Request, Response, status

from api import paging, problems
from api.dependencies import CurrentUser, NamedCompetition, ReadingSession, WritingSession
from api.filters import LISTED, WantedParticipants, WantedSubmissions
from api.organizing_schemas import (
    FoundSubmission,
    FoundSubmissions,
    NamedUser,
    OrganizerAnswer,
    OrganizerList,
    ParticipantAnswer,
    ParticipantList,
    PieceAnswer,
    Queue,
    Reason,
)
from api.paging import Paging
from api.routing import Router
from core import admission, organizers, submission_search, workload
from core.errors import (
    AdmissionRefusedError,
    LastOrganizerError,
    NotAllowedError,
    NotAuthenticatedError,
    NotFoundError,
)

router = Router(
    prefix="/competitions/{competition}",
    tags=["organizing"],
    responses=problems.document(NotAuthenticatedError, NotAllowedError, NotFoundError),
)


@router.get("/participants", summary="List the participants", responses=LISTED)
def list_participants(
    competition: NamedCompetition,
    wanted: WantedParticipants,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> ParticipantList:
    """Return who takes part, in which team, and who waits to be let in."""
    listed = admission.list_participants(session, competition.id, wanted, page)
    paging.link(request, response, listed.next_cursor)
    return ParticipantList(participants=[ParticipantAnswer.of(part) for part in listed.rows])


@router.post(
    "/participants/{participant_id}/approve",
    summary="Let somebody in",
    responses=problems.document(AdmissionRefusedError),
)
def approve_participant(
    competition: NamedCompetition, participant_id: UUID, user: CurrentUser, session: WritingSession
) -> ParticipantAnswer:
    """Let somebody in who asked to take part, and tell them by mail."""
    return ParticipantAnswer.of(admission.approve(session, user, competition, participant_id))


@router.post(
    "/participants/{participant_id}/ban",
    summary="Shut somebody out",
    responses=problems.document(AdmissionRefusedError),
)
def ban_participant(
    competition: NamedCompetition,
    participant_id: UUID,
    given: Reason,
    user: CurrentUser,
    session: WritingSession,
) -> ParticipantAnswer:
    """Shut somebody out; what they submitted stays, and ranks, until it is disqualified."""
    part = admission.ban(session, user, competition.id, participant_id, reason=given.reason)
    return ParticipantAnswer.of(part)


@router.post(
    "/participants/{participant_id}/unban",
    summary="Let somebody in again",
    responses=problems.document(AdmissionRefusedError),
)
def unban_participant(
    competition: NamedCompetition, participant_id: UUID, user: CurrentUser, session: WritingSession
) -> ParticipantAnswer:
    """End a ban."""
    return ParticipantAnswer.of(admission.unban(session, user, competition.id, participant_id))


@router.get("/organizers", summary="List the organizers")
def list_organizers(competition: NamedCompetition, session: ReadingSession) -> OrganizerList:
    """Return who runs the competition; admins, who run all of them, are not listed for that."""
    found = organizers.list_all(session, competition)
    return OrganizerList(organizers=[OrganizerAnswer.of(one) for one in found])


@router.post("/organizers", summary="Make somebody an organizer")
def add_organizer(
    competition: NamedCompetition, named: NamedUser, user: CurrentUser, session: WritingSession
) -> OrganizerAnswer:
    """Make somebody an organizer of the competition; who is one stays one."""
    return OrganizerAnswer.of(organizers.add(session, user, competition, named.name))


@router.delete(
    "/organizers/{user_id}",
    summary="Unmake an organizer",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=problems.document(LastOrganizerError),
)
def remove_organizer(
    competition: NamedCompetition, user_id: UUID, user: CurrentUser, session: WritingSession
) -> None:
    """Let an organizer be none any more; the last one stays."""
    organizers.remove(session, user, competition, user_id)


@router.get("/submissions", summary="Search the submissions", responses=LISTED)
def search_submissions(
    competition: NamedCompetition,
    wanted: WantedSubmissions,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> FoundSubmissions:
    """Return the submissions of all teams in all phases of the competition, newest first."""
    listed = submission_search.search(session, competition.id, wanted, page)
    paging.link(request, response, listed.next_cursor)
    return FoundSubmissions(submissions=[FoundSubmission.of(found) for found in listed.rows])


@router.get("/queue", summary="Show the work under way", responses=LISTED)
def show_queue(
    competition: NamedCompetition,
    page: Paging,
    session: ReadingSession,
    request: Request,
    response: Response,
) -> Queue:
    """Return what of the competition runs where and since when, what waits for how long, and why."""
    listed = workload.list_pieces(session, competition.id, page)
    paging.link(request, response, listed.next_cursor)
    return Queue(pieces=[PieceAnswer.of(piece) for piece in listed.rows])
