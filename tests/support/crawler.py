"""A walk over everything that an installation answers to GET, and a search in it for planted bytes."""

import base64
import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

from api.permissions import TABLE

_LINK = re.compile(r'(?:href|src|hx-get)="(/[^"#]*)"')
_PARAMETER = re.compile(r"{(\w+)}")
_NOBODYS = "00000000-0000-4000-8000-000000000000"
_STATIC = "/static/"
_OPENAPI = "/api/v1/openapi.json"


class Visit(NamedTuple):
    """One answer: status, and everything that came with it, headers included."""

    path: str
    status: int
    content: bytes


class Sighting(NamedTuple):
    """A canary that an answer gives away."""

    path: str
    canary: str
    encoding: str


def crawl(
    client: Any,
    parameters: Mapping[str, Iterable[str]],
    headers: Mapping[str, str] | None = None,
    *,
    naming: Iterable[str] = ("",),
) -> list[Visit]:
    """Get every address that there is, but for streams, and whatever a page links to.

    Args:
        client: has `get(path, headers=…)`, as a test client and `httpx2.Client(base_url=…)` have.
        parameters: what to fill into the parameters of addresses, all values in turn; into others, an id
            that nothing has.
        headers: who asks; nobody if left out.
        naming: only addresses in whose template, or text, one of these stands.
    """
    document = client.get(_OPENAPI).json()
    streams = {path for path, item in document["paths"].items() if _is_stream(item)}
    addresses = {address.removeprefix("GET ") for address in TABLE if address.startswith("GET ")} - streams
    addresses = {address for address in addresses if any(word in address for word in naming)}
    waiting = [path for address in addresses for path in _filled(address, parameters)] + [_OPENAPI]
    visits: dict[str, Visit] = {}
    while waiting:
        path = waiting.pop()
        if path in visits or path.startswith(_STATIC):
            continue
        response = client.get(path, headers=dict(headers or {}))
        raw = "\n".join(f"{name}: {value}" for name, value in response.headers.items()).encode()
        visits[path] = Visit(path, response.status_code, raw + b"\n\n" + response.content)
        if "text/html" in response.headers.get("content-type", ""):
            links = _LINK.findall(response.text.replace("&amp;", "&"))
            waiting += [link for link in links if any(word in link for word in naming)]
    return list(visits.values())


def _is_stream(item: Mapping[str, Any]) -> bool:
    """Return whether an address answers for as long as something goes on."""
    answers = item.get("get", {"responses": {}})["responses"]
    return "text/event-stream" in answers.get("200", {}).get("content", {})


def find(canaries: Iterable[str], visits: Iterable[Visit]) -> list[Sighting]:
    """Return every canary in every answer, in whatever usual encoding it stands there."""
    needles = [(canary, *one) for canary in canaries for one in encodings(canary).items()]
    return [
        Sighting(visit.path, canary, encoding)
        for visit in visits
        for canary, encoding, needle in needles
        if needle in (visit.content if encoding not in _CASELESS else visit.content.lower())
    ]


_CASELESS = ("hex", "percent", "escapes")


def encodings(canary: str) -> dict[str, bytes]:
    """Return the bytes to look for, by the name of the encoding; base64 at all three alignments."""
    raw = canary.encode()
    found = {
        "raw": raw,
        "html": escape(canary).encode(),
        "reversed": raw[::-1],
        "hex": raw.hex().encode(),
        "percent": "".join(f"%{byte:02x}" for byte in raw).encode(),
        "quoted": quote(canary, safe="").encode(),
        "escapes": "".join(f"\\u{ord(character):04x}" for character in canary).encode(),
    }
    for shift in range(3):
        # The first and the last characters of base64 hold bits of the neighbours.
        code = base64.b64encode(b"\0" * shift + raw)
        inner = code[-(-8 * shift // 6) : (len(raw) + shift) * 8 // 6]
        found[f"base64+{shift}"] = inner
        found[f"base64url+{shift}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def _filled(template: str, parameters: Mapping[str, Iterable[str]]) -> list[str]:
    names = _PARAMETER.findall(template)
    values = [list(parameters.get(name, [_NOBODYS])) for name in names]
    return [template.format(**dict(zip(names, one, strict=True))) for one in product(*values)]
