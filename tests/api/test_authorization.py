"""Every address times everybody who may ask, and things of others: what the table says is what happens."""

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from starlette.types import Message

from api import authorization
from api.app import create_app
from api.authorization import Access
from api.identity import identify
from api.permissions import TABLE, Audience, Rule
from core.access import Scope
from core.errors import ParticipantError
from tests.support.world import HIDDEN_SCORE, World, make_world

IN = 0
"""Admitted: the guard lets the request through to the route."""

# What each audience means for each asker; ann's things are asked for, in the competition that olga runs.
# A browser has no scopes and may do whatever its account may; a token is a program's.
EXPECTED = {
    #                             nobody sam  ann  eve  olga otto admin ann's and admin's browser
    Audience.ANYONE:              (IN,   IN,  IN,  IN,  IN,  IN,  IN,   IN,  IN),
    Audience.SIGNED_IN:           (401,  IN,  IN,  IN,  IN,  IN,  IN,   IN,  IN),
    Audience.BROWSER:             (401,  403, 403, 403, 403, 403, 403,  IN,  IN),
    Audience.MEMBER:              (401,  404, IN,  404, 404, 404, 404,  IN,  404),
    Audience.MEMBER_OR_ORGANIZER: (401,  404, IN,  404, IN,  404, IN,   IN,  IN),
    Audience.ORGANIZER:           (401,  403, 403, 403, IN,  403, IN,   403, IN),
    Audience.ADMIN:               (401,  403, 403, 403, 403, 403, IN,   403, IN),
}  # fmt: skip
ASKERS = ("nobody", "sam", "ann", "eve", "olga", "otto", "admin", "ann's browser", "admin's browser")
# What is only an organizer's is not there for those who may not even see the submission that it belongs to.
FOREIGN_SUBMISSION = (401, 404, 403, 404, IN, 404, IN, 403, IN)

# Reads that answer ann, or the one they are for, with something else than a success, each for a reason.
NOT_THERE = {
    "GET /api/v1/submissions/{submission_id}/artifact": 404,  # scored without one
    "GET /api/v1/submissions/{submission_id}/report": 404,
    "GET /api/v1/competitions/{competition}/logo": 404,  # has none
    "GET /api/v1/competitions/{competition}/phases/{phase}/results": 404,  # not published
    "GET /sign-in/openid": 404,  # no provider is set up
    "GET /sign-in/openid/callback": 400,  # none asked for this
    "GET /reset/{token}": 410,  # the mail's link was never sent
    "GET /confirm/{token}": 410,
    "GET /readyz": 503,  # its broker has no worker
}

# Things that belong to a competition, team or account, and are looked up by the route within it: the asker is
# admitted to the address, and yet must not reach what belongs elsewhere. Bodies where the route needs one.
WITHIN = {
    "participant_id": "olga",
    "webhook_id": "olga",
    "delivery_id": "olga",
    "invitation_id": "ann",
    "member": "ann",
    "submission_id": "olga",
    "team_id": "olga",
    "token_id": "ann's browser",
    "identity_id": "ann's browser",
    "user_id": "olga",
}
# Names that mean something everywhere: nobody's own, so that there is no foreign one.
GLOBAL = {
    "competition", "phase", "submission_id", "team_id",  # the guard's: the walk asks for them as strangers
    "token",  # of a mail, a secret
    "action",  # a word
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "POST /api/v1/competitions/{competition}/participants/{participant_id}/ban": {"reason": "why"},
}
EVERYWHERE = {"/api/v1/users/{user_id}/admin"}  # an admin's: over all accounts


class Admitted(ParticipantError):
    """The guard let a request through; what it asks for is not done."""

    status = 418


@pytest.fixture(scope="module")
def stopped() -> FastAPI:
    """The application, but requests end behind the guard: those that change something, or all."""
    app = create_app()

    def guard(request: Request, principal: Annotated[Any, Depends(identify)]) -> Access:
        found = authorization.guard(request, principal)
        if request.method != "GET" or app.state.reads_end_too:
            raise Admitted("in")
        return found

    app.state.reads_end_too = False
    app.dependency_overrides[authorization.guard] = guard
    return app


@pytest.fixture
def world(client: TestClient) -> World:
    return make_world()


class Walker:
    """Asks for addresses as somebody."""

    def __init__(self, app: FastAPI, world: World) -> None:
        # Redirects are answers; and cookies come from the headers alone.
        self._client = TestClient(app, raise_server_exceptions=False, follow_redirects=False)
        self.app = app
        self.headers = {name: somebody.token for name, somebody in world.people.items()} | {
            "nobody": {},
            "ann's browser": world.people["ann"].browser,
            "admin's browser": world.people["admin"].browser,
        }

    def ask(self, address: str, headers: dict[str, str], names: dict[str, str], **options: Any) -> Any:
        method, template = address.split(" ")
        self._client.cookies.clear()
        return self._client.request(method, fill(template, names), headers=headers, **options)

    def verdict(self, address: str, headers: dict[str, str], names: dict[str, str]) -> int:
        """Return the status of a refusal, or IN."""
        # A body of the wrong form: who is refused learns nothing of it, who is not has come past the guard.
        options = {} if address.startswith("GET ") else {"json": ["not what any route takes"]}
        self.app.state.reads_end_too = True
        try:
            response = self.ask(address, headers, names, **options)
        finally:
            self.app.state.reads_end_too = False
        if response.status_code == 303 and response.headers["Location"].startswith("/sign-in"):
            return 401  # as pages say it
        return IN if response.status_code == Admitted.status else response.status_code


def fill(template: str, names: dict[str, str]) -> str:
    """Return an address; every parameter has to be known, so that a new one is thought about."""
    unknown = set(re.findall(r"{(\w+)}", template)) - names.keys()
    assert not unknown, (
        f"{template}: what is {sorted(unknown)}? Give it a value in tests/support/world.py, an own and a "
        "foreign one, and say in WITHIN or GLOBAL of this test to whom it belongs."
    )
    return template.format(**names)


def expected_of(address: str) -> tuple[int, ...]:
    rule = TABLE[address]
    if rule.audience is Audience.ORGANIZER and "{submission_id}" in address:
        return FOREIGN_SUBMISSION
    return EXPECTED[rule.audience]


def test_everybody_is_admitted_where_the_table_says_and_nowhere_else(stopped, world):
    walker, wrong = Walker(stopped, world), []
    for address in TABLE:
        found = tuple(walker.verdict(address, walker.headers[who], world.own) for who in ASKERS)
        wrong += [
            f"{who} at {address}: expected {wanted or 'in'}, found {got or 'in'}"
            for who, wanted, got in zip(ASKERS, expected_of(address), found, strict=True)
            if wanted != got
        ]
    assert wrong == []


def _with_a_body(app: FastAPI) -> list[str]:
    """Return the addresses, pages too, whose body FastAPI reads."""
    routes = [one for one in iter_route_contexts(app.routes) if isinstance(one.original_route, APIRoute)]
    found = [one for one in routes if one.original_route.body_field is not None]
    return [f"{method} {one.path}" for one in found for method in one.methods or ()]


async def _status(app: FastAPI, address: str, headers: dict[str, str]) -> int:
    """Send a request whose body is nonsense to a server that fails if it reads it."""
    method, path = address.split(" ")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.1", 1),
        "server": ("testserver", 80),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        raise NotImplementedError("nobody's body is read before they are admitted")

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    location = dict(sent[0]["headers"]).get(b"location", b"")
    return 401 if location.startswith(b"/sign-in") else int(sent[0]["status"])


def test_body_is_read_only_for_those_who_are_admitted(application, world):
    """Nonsense in it is told to them alone: whoever is not admitted is told what they are told without it."""
    addresses = _with_a_body(application)
    documented = {
        f"{method.upper()} {path}"
        for path, operations in application.openapi()["paths"].items()
        for method, operation in operations.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert documented <= set(addresses)
    whose = Walker(application, world).headers

    async def walk() -> list[str]:
        wrong = []
        for address in addresses:
            for who, wanted in zip(ASKERS, expected_of(address), strict=True):
                if wanted != IN:
                    headers = whose[who] | {"Content-Type": "application/json", "Content-Length": "1"}
                    got = await _status(application, fill(address, world.own), headers)
                    wrong += [f"{who} at {address}: {got}"] if got != wanted else []
        return wrong

    assert asyncio.run(walk()) == []


def test_broken_body_is_told_to_those_who_are_admitted(application, world):
    walker = Walker(application, world)
    headers = walker.headers["olga"] | {"Content-Type": "application/json"}
    answer = walker.ask("POST /api/v1/competitions/{competition}/organizers", headers, world.own, content="{")
    assert (answer.status_code, answer.json()["errors"][0]["detail"]) == (422, "This is not JSON.")


def test_token_without_the_scope_is_refused_and_with_it_alone_is_not(stopped, world):
    walker, admin, wrong = Walker(stopped, world), world.people["admin"], []
    alone = {scope: admin.token_with([scope]) for scope in Scope}
    without = {scope: admin.token_with(set(Scope) - {scope}) for scope in Scope}
    for address, rule in TABLE.items():
        if rule.audience is Audience.BROWSER:
            continue
        scope = rule.organizing or rule.scope  # an admin is no member
        found = [walker.verdict(address, some[scope], world.own) for some in (without, alone)]
        wanted = 404 if rule.audience is Audience.MEMBER else IN
        wrong += [f"{address}: {found}"] if found != [403, wanted] else []
    assert wrong == []


def test_member_changes_their_own_with_the_scope_of_participants_though_they_organize(stopped, world):
    walker, wrong = Walker(stopped, world), []
    for address, rule in TABLE.items():
        if rule.organizing is not None:
            got = [
                walker.verdict(address, world.people["ann"].token_with([scope]), world.own)
                for scope in (rule.scope, rule.organizing)
            ]
            wrong += [f"{address}: {got}"] if got != [IN, 403] else []
    assert wrong == []


def test_competition_that_is_not_published_is_there_for_its_organizers_alone(stopped, world):
    walker, wrong = Walker(stopped, world), []
    names = world.own | {"competition": "secret"}
    for address, rule in TABLE.items():
        if "{competition}" not in address or rule.audience is Audience.BROWSER:
            continue
        if "{submission_id}" in address or "{team_id}" in address:
            # A thing of `faces` is not found in the address of another competition, by nobody.
            for who in ("ann", "olga", "sven", "admin"):
                got = walker.verdict(address, walker.headers[who], names)
                wrong += [f"{who} at {address}: {got}"] if got != 404 else []
            continue
        for who in ("nobody", "ann", "olga", "sven", "admin"):
            got = walker.verdict(address, walker.headers[who], names)
            wanted = IN if who in {"sven", "admin"} else 404
            if who == "nobody" and rule.audience is not Audience.ANYONE:
                wanted = 401
            wrong += [f"{who} at {address}: {got}"] if got != wanted else []
    assert wrong == []


def test_everything_that_may_be_read_is_there_to_be_read(stopped, world):
    walker, wrong = Walker(stopped, world), []
    for address, rule in TABLE.items():
        if not address.startswith("GET "):
            continue
        whose = {Audience.ADMIN: "admin", Audience.ORGANIZER: "olga", Audience.BROWSER: "ann's browser"}
        status = walker.ask(address, walker.headers[whose.get(rule.audience, "ann")], world.own).status_code
        if not 200 <= status < 400 and NOT_THERE.get(address) != status:
            wrong.append(f"{address}: {status}")
    assert wrong == []


def _foreign() -> Iterator[tuple[str, str]]:
    for address in TABLE:
        for name in re.findall(r"{(\w+)}", address):
            is_within = name not in GLOBAL or (name in WITHIN and "{competition}" in address)
            if is_within and address.partition(" ")[2] not in EVERYWHERE:
                yield address, name


def test_thing_of_others_is_not_found_in_what_is_ones_own(application, world):
    walker, wrong = Walker(application, world), []
    for address, name in _foreign():
        who = "otto" if name == "user_id" else WITHIN[name]
        names = world.own | {name: world.foreign[name]}
        if name == "user_id":
            names["competition"], who = "masks", "otto"
        response = walker.ask(address, walker.headers[who], names, json=BODIES.get(address, {}))
        if response.status_code not in {303, 404} or (
            response.status_code == 303 and "POST /account" not in address
        ):
            wrong.append(
                f"{who} at {address} with a foreign {name}: {response.status_code} {response.text[:100]}"
            )
    assert wrong == []


def test_hidden_phase_shows_no_score_to_anybody_but_organizers(stopped, world):
    walker = Walker(stopped, world)
    names = world.own | {"phase": "feedback", "submission_id": str(world.hidden)}
    shown = {who: [] for who in ASKERS}
    for address in TABLE:
        if address.startswith("GET ") and ("{phase}" in address or "{submission_id}" in address):
            for who in ASKERS:
                response = walker.ask(address, walker.headers[who], names)
                if any(
                    word in response.text for word in (f"{HIDDEN_SCORE:.3f}", f"{100 * HIDDEN_SCORE:.1f} %")
                ):
                    shown[who].append(address)
    assert [who for who, where in shown.items() if where] == ["olga", "admin", "admin's browser"], shown


def test_route_that_the_table_does_not_name_stops_the_application(monkeypatch):
    monkeypatch.delitem(TABLE, "GET /healthz")
    with pytest.raises(RuntimeError, match=r"not in the table of who may do what: \['GET /healthz'\]"):
        create_app()


def test_rule_without_a_route_stops_the_application(monkeypatch):
    monkeypatch.setitem(TABLE, "GET /nothing", Rule(Audience.ANYONE))
    with pytest.raises(RuntimeError, match=r"in it, but no address: \['GET /nothing'\]"):
        create_app()


def test_two_routes_of_one_address_stop_the_application(monkeypatch):
    app = create_app()
    app.get("/healthz")(lambda: None)
    with pytest.raises(RuntimeError, match="two routes answer to GET /healthz"):
        authorization.install(app)


def test_name_that_nobody_thought_about_is_told_by_its_name(world):
    with pytest.raises(AssertionError, match=r"what is \['novel_id'\]\? Give it a value"):
        fill("/api/v1/novels/{novel_id}", world.own)
