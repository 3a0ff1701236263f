"""The worker hosts and whether they take work, for organizers."""

from fastapi import APIRouter

from api import problems
from api.dependencies import Organizer, ReadingSession
from api.schemas import WorkerAnswer, WorkerList
from core import nodes
from core.errors import NotAllowedError, NotAuthenticatedError

router = APIRouter(prefix="/workers", tags=["workers"], dependencies=[Organizer])


@router.get(
    "",
    summary="List the worker hosts",
    responses=problems.document(NotAuthenticatedError, NotAllowedError),
)
def list_workers(session: ReadingSession) -> WorkerList:
    """Return every worker host: its sandbox, what the self-test found, and why it takes no work."""
    return WorkerList(workers=[WorkerAnswer.of(node) for node in nodes.list_nodes(session)])
