"""How large the body of a request may be."""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 2**20
"""Of what is no upload: such a body is held in memory as a whole."""


class BodyLimit:
    """Middleware that ends the reading of a body which is too large; uploads have caps of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; whoever reads too much of its body gets an error that is answered 413."""
        read_bytes = 0

        async def receive_limited() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            own_cap = getattr(scope.get("route"), "max_body_size", None)
            if read_bytes > MAX_BYTES and own_cap is None:
                raise HTTPException(413)
            return message

        await self._app(scope, receive_limited, send)
