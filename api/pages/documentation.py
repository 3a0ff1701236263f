"""The page that shows the OpenAPI document, and tries its operations."""

from fastapi import Request, Response
from starlette.responses import HTMLResponse

from api.headers import CONTENT_POLICY
from api.pages.rendering import render
from api.routing import Router

router = Router(include_in_schema=False, default_response_class=HTMLResponse)

# Swagger UI's own style sheet holds its icons.
_POLICY = CONTENT_POLICY.replace("img-src 'self'", "img-src 'self' data:")


@router.get("/docs")
def show_documentation(request: Request) -> Response:
    """Show the API; without JavaScript, where to find its document."""
    return render(request, "docs.html", headers={"Content-Security-Policy": _POLICY})
