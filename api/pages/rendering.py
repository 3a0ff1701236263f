"""Templates, and how numbers and times are written on the pages."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.templating import Jinja2Templates

from api.pages.refusals import refusal_of

_SCORE_DECIMALS = 4

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates = Jinja2Templates(env=_environment)


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **context: Any,
) -> Response:
    """Return a page; with the status of the problem if it is shown again for a form that was refused.

    Every template knows the `visitor`, or None where nobody asked who that is, and the `csrf_token` that each
    form has to carry in a field of that name: `{% include "csrf.html" %}`. A form of `forms.html` is shown
    again when what was sent is refused (`api.pages.refusals`).
    """
    visitor, refusal = getattr(request.state, "visitor", None), refusal_of(request)
    context = {"problem": None, "message": None} | context | {"refusal": refusal, "visitor": visitor}
    context["csrf_token"] = visitor.csrf_token if visitor else ""
    status = refusal.status if refusal else status
    headers = {"Vary": "Cookie"} | (headers or {})
    return _templates.TemplateResponse(request, template, context, status_code=status, headers=headers)


def _score(value: float, decimals: int | None) -> str:
    return f"{value:.{_SCORE_DECIMALS if decimals is None else min(decimals, _SCORE_DECIMALS)}f}"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _ratio(value: float) -> str:
    return f"×{value:.3f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %" if value >= 0.0995 else f"{100 * value:.1f} %"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def _date(value: datetime) -> str:
    return f"{value:%Y-%m-%d}"


def _clock(value: datetime) -> str:
    return f"{value:%H:%M}"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


_environment.filters.update(
    json=_json,
    score=_score,
    percent=_percent,
    ratio=_ratio,
    share=_share,
    seconds=_seconds,
    date=_date,
    clock=_clock,
)
