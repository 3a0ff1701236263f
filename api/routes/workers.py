"""The worker hosts and whether they take work, for admins."""

from api import problems
from api.dependencies import ReadingSession
from api.routing import Router
from api.worker_schemas import UnservedAnswer, WorkerAnswer, WorkerList
from core import nodes
from core.errors import NotAllowedError, NotAuthenticatedError

router = Router(prefix="/workers", tags=["workers"])


@router.get(
    "",
    summary="List the worker hosts",
    responses=problems.document(NotAuthenticatedError, NotAllowedError),
)
def list_workers(session: ReadingSession) -> WorkerList:
    """Return every worker host, why it takes no work if so, and the work that no host takes."""
    return WorkerList(
        workers=[WorkerAnswer.of(node) for node in nodes.list_nodes(session)],
        unserved=[UnservedAnswer.of(waiting) for waiting in nodes.list_unserved(session)],
    )
