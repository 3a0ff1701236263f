"""The methods of an address: HEAD wherever GET is, and all of them in `Allow` where one is not allowed."""

import re

from starlette.datastructures import MutableHeaders
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.permissions import TABLE

_ADDRESSES: list[tuple[re.Pattern[str], str]] = [
    (compile_path(address.partition(" ")[2])[0], address.partition(" ")[0]) for address in TABLE
]


class Methods:
    """Middleware that answers HEAD as GET without a body, and completes `Allow`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as a GET where it is a HEAD."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"
        answered = False

        async def send_headers(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                if message["status"] == 405:
                    MutableHeaders(scope=message)["Allow"] = ", ".join(_allowed(scope["path"]))
                await send(message)
            elif not is_head or message["type"] != "http.response.body":
                await send(message)
            elif not answered:
                # At once: what streams may last for hours, and ends when it sees that its reader has gone.
                answered = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send_headers)


def _allowed(path: str) -> list[str]:
    methods = {method for pattern, method in _ADDRESSES if pattern.match(path)} or {"GET"}
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
