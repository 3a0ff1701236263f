"""Routes that let nobody's body be read before it is known that they may ask."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from api import authorization


class GuardedRoute(APIRoute):
    """A route whose guard comes first.

    FastAPI reads and parses a body before it looks at any dependency, so whoever may not ask would be told
    what is wrong with theirs. What the guard found stays with the request: as a dependency it returns that.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def admit_and_handle(request: Request) -> Response:
            await authorization.admit(request)
            return await handle(request)

        return admit_and_handle


class Router(APIRouter):
    """A router of such routes; every route of ours is in one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=GuardedRoute, **options)
