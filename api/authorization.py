"""The guard: looks up what an address names, and admits whom the table of permissions admits."""

import re
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.orm import Session

from api import limiting
from api.identity import MaybePrincipal, identify_first
from api.permissions import TABLE, Audience, Rule
from core import access, competitions, submissions
from core.access import Principal, Scope
from core.db import reading
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.models import Competition, Phase, Submission, Team
from core.visibility import Viewer

_SLUG = re.compile(r"[a-z0-9-]{1,64}")
_NOTHING = "There is nothing at this address."


@dataclass(frozen=True)
class Access:
    """A request that may be carried out: who asks, and what its address names.

    Attributes:
        principal: who asks; None is nobody who signed in.
        competition: the one that the address names or its object is in.
        phase: likewise, with its competition.
        submission: with its user and phase.
        team: the one that the address names, or whose the submission is.
        is_organizer: of that competition.
    """

    principal: Principal | None
    competition: Competition | None = None
    phase: Phase | None = None
    submission: Submission | None = None
    team: Team | None = None
    is_organizer: bool = False

    @property
    def viewer(self) -> Viewer:
        """Who asks, as far as that decides which scores may be seen."""
        return Viewer(None if self.principal is None else self.principal.user.id, self.is_organizer)


def guard(request: Request, principal: MaybePrincipal) -> Access:
    """Look up what the address names, and admit whom the table admits.

    Raises:
        NotAuthenticatedError: nobody is signed in, and the address is not for anyone.
        NotFoundError: the address names nothing, or nothing that is the asker's to see.
        NotAllowedError: the asker may see it, but not do this; or the token has not the scope.
        RateLimitedError: the asker asks too often.
    """
    if hasattr(request.state, "access"):  # admitted before the body was read
        admitted: Access = request.state.access
        return admitted
    limiting.count(request, principal)
    rule: Rule = request.app.state.rules[request.scope["endpoint"], request.method]
    if principal is None and rule.audience is not Audience.ANYONE:
        raise NotAuthenticatedError("Sign in, or send a token in the header `Authorization: Bearer <token>`.")
    if principal is not None and principal.scopes.isdisjoint({rule.scope, rule.organizing}):
        raise _lacks(rule.scope)
    # A session of its own, closed at once: a slow upload must not hold a connection.
    with reading() as session:
        found = _look_up(session, request.path_params, principal)
        _check(session, rule, found)
    request.state.access = found
    return found


async def admit(request: Request) -> None:
    """Do the same before anything of the request's body is read, and before any dependency is looked at.

    Raises:
        ParticipantError: as the guard, and as it is found out who asks.
    """
    await run_in_threadpool(guard, request, await identify_first(request))


Guard = Depends(guard)
CurrentAccess = Annotated[Access, Guard]


def install(app: FastAPI) -> None:
    """Give every route of the application its rules; call it after the last one was added.

    Raises:
        RuntimeError: the table does not name exactly the addresses that there are, each of them once.
    """
    there = set[str]()
    rules: dict[tuple[object, str], Rule] = {}
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, APIRoute):
            for method in context.methods or ():
                address = f"{method} {context.path}"
                if address in there:
                    raise RuntimeError(f"two routes answer to {address}")
                there.add(address)
                if address in TABLE:
                    rules[context.endpoint, method] = TABLE[address]
    if there != TABLE.keys():
        raise RuntimeError(
            f"not in the table of who may do what: {sorted(there - TABLE.keys())}; "
            f"in it, but no address: {sorted(TABLE.keys() - there)}"
        )
    app.state.rules = rules


def _look_up(session: Session, names: dict[str, str], principal: Principal | None) -> Access:
    """Return what an address names; a thing of another competition than it says is not there."""
    submission = team = phase = competition = None
    if "phase" in names:
        phase = competitions.find_phase(session, _slug(names["competition"]), _slug(names["phase"]))
        competition = phase.competition
    elif "competition" in names:
        competition = competitions.find_competition(session, _slug(names["competition"]))
    if "submission_id" in names:
        submission = submissions.find(session, _id(names["submission_id"]))
        phase, team = submission.phase, submission.team
    elif "team_id" in names:
        team = session.get(Team, _id(names["team_id"]))
        if team is None:
            raise NotFoundError(_no("team", names["team_id"]))
    if team is not None:
        competition = competition or session.get_one(Competition, team.competition_id)
        if team.competition_id != competition.id:
            raise NotFoundError(_NOTHING)
    organizes = (
        principal is not None
        and competition is not None
        and access.is_organizer(session, principal.user, competition.id)
    )
    return Access(principal, competition, phase, submission, team, organizes)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise NotFoundError(_NOTHING) from error


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise NotFoundError(_NOTHING)
    return text


def _check(session: Session, rule: Rule, found: Access) -> None:
    audience, competition, principal = rule.audience, found.competition, found.principal
    if competition is not None and not competition.published and not found.is_organizer:
        raise NotFoundError(f"There is no competition `{competition.slug}`.")
    if audience is Audience.ANYONE or principal is None:
        return
    if audience is Audience.BROWSER and principal.session_id is None:
        raise NotAllowedError("Sign in with your password for this; a token does not do.")
    if audience is Audience.ADMIN and not principal.user.is_admin:
        raise NotAllowedError("Only admins may do this.")
    is_foreign = found.team is not None and not access.is_member(session, principal.user.id, found.team.id)
    may_organize = audience in {Audience.ORGANIZER, Audience.MEMBER_OR_ORGANIZER} and found.is_organizer
    if is_foreign and not may_organize:
        _hide(audience, found)
    if audience is Audience.ORGANIZER and not found.is_organizer:
        raise NotAllowedError("Only organizers of the competition may do this.")
    needed = rule.organizing if is_foreign and rule.organizing is not None else rule.scope
    if needed not in principal.scopes:
        raise _lacks(needed)


def _lacks(scope: Scope) -> NotAllowedError:
    return NotAllowedError(f"This token may not be used here: it lacks the scope `{scope}`.")


def _hide(audience: Audience, found: Access) -> None:
    """Say of a thing of others what is said of an id that does not exist."""
    if found.submission is not None:
        raise NotFoundError(_no("submission", found.submission.id))
    if audience in {Audience.MEMBER, Audience.MEMBER_OR_ORGANIZER} and found.team is not None:
        raise NotFoundError(_no("team", found.team.id))


def _no(what: str, name: object) -> str:
    return f"There is no {what} {name}."
