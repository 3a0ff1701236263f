"""Who may do what: one table of all addresses, and the guard that holds every request against it."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts
from sqlalchemy.orm import Session

from api import limiting
from api.identity import MaybePrincipal
from core import access, competitions, submissions
from core.access import Principal, Scope
from core.db import reading
from core.errors import NotAllowedError, NotAuthenticatedError, NotFoundError
from core.models import Competition, Phase, Submission, Team
from core.visibility import Viewer

SLUG = re.compile(r"[a-z0-9-]{1,64}")


class Audience(StrEnum):
    """Whom an address is for; each admits an admin too, but for BROWSER and MEMBER."""

    ANYONE = "anyone"
    """Without signing in. Of a competition that is not published: its organizers."""
    SIGNED_IN = "signed in"
    BROWSER = "signed in with a password, not with a token"
    MEMBER = "a member of the team that the submission or team in the address is, or belongs to"
    MEMBER_OR_ORGANIZER = "such a member, or an organizer of the competition"
    ORGANIZER = "an organizer of the competition that the address is in"
    ADMIN = "an admin"


class Rule(NamedTuple):
    """Whom an address is for, and the scope that a token needs there."""

    audience: Audience
    scope: Scope = Scope.READ


_anyone = Rule(Audience.ANYONE)
_signed_in = Rule(Audience.SIGNED_IN)
_browser = Rule(Audience.BROWSER)
_submits = Rule(Audience.SIGNED_IN, Scope.SUBMIT)
_member = Rule(Audience.MEMBER_OR_ORGANIZER)
_changes = Rule(Audience.MEMBER, Scope.SUBMIT)
_changes_or_organizes = Rule(Audience.MEMBER_OR_ORGANIZER, Scope.SUBMIT)
_organizer = Rule(Audience.ORGANIZER, Scope.ORGANIZE)
_admin = Rule(Audience.ADMIN, Scope.ADMIN)

_NOTHING = "There is nothing at this address."
_V1 = "/api/v1"
_COMPETITION = f"{_V1}/competitions/{{competition}}"
_PHASE = f"{_COMPETITION}/phases/{{phase}}"
_SUBMISSION = f"{_V1}/submissions/{{submission_id}}"
_ORGANIZE = "/competitions/{competition}/organize"
_WEBHOOK = f"{_COMPETITION}/webhooks/{{webhook_id}}"
_TEAM = f"{_V1}/teams/{{team_id}}"

TABLE: dict[str, Rule] = {
    "GET /healthz": _anyone,
    "GET /readyz": _anyone,
    f"GET {_V1}/competitions": _anyone,
    f"GET {_COMPETITION}": _anyone,
    f"GET {_PHASE}": _anyone,
    f"GET {_PHASE}/leaderboard": _anyone,
    f"POST {_PHASE}/submissions": _submits,
    f"GET {_SUBMISSION}": _member,
    f"GET {_SUBMISSION}/runs": _member,
    f"GET {_SUBMISSION}/log": _member,
    f"GET {_SUBMISSION}/events": _member,
    f"GET {_SUBMISSION}/artifact": _organizer,
    f"GET {_SUBMISSION}/report": _organizer,
    f"GET {_PHASE}/references": _organizer,
    f"POST {_PHASE}/references": _organizer,
    f"GET {_PHASE}/rescore": _organizer,
    f"POST {_PHASE}/rescore": _organizer,
    f"GET {_V1}/workers": _admin,
    # Leaderboards and results
    f"GET {_PHASE}/leaderboard.csv": _anyone,
    f"GET {_PHASE}/leaderboard/history": _anyone,
    f"GET {_PHASE}/results": _anyone,
    f"POST {_PHASE}/results": _organizer,
    f"DELETE {_PHASE}/results": _organizer,
    f"GET {_PHASE}/export.zip": _organizer,
    f"GET {_PHASE}/submissions.csv": _organizer,
    f"GET {_PHASE}/submissions.json": _organizer,
    f"PUT {_COMPETITION}/winners": _organizer,
    f"PUT {_SUBMISSION}/baseline": _organizer,
    f"DELETE {_SUBMISSION}/baseline": _organizer,
    # Bundles
    f"GET {_V1}/competition-schema": _anyone,
    f"POST {_V1}/competitions": _admin,
    f"GET {_COMPETITION}/logo": _anyone,
    f"GET {_COMPETITION}/bundle": _organizer,
    f"PUT {_COMPETITION}/bundle": _organizer,
    f"DELETE {_COMPETITION}": _organizer,
    f"DELETE {_PHASE}": _organizer,
    # Organizers
    f"GET {_COMPETITION}/participants": _organizer,
    f"POST {_COMPETITION}/participants/{{participant_id}}/approve": _organizer,
    f"POST {_COMPETITION}/participants/{{participant_id}}/ban": _organizer,
    f"POST {_COMPETITION}/participants/{{participant_id}}/unban": _organizer,
    f"GET {_COMPETITION}/organizers": _organizer,
    f"POST {_COMPETITION}/organizers": _organizer,
    f"DELETE {_COMPETITION}/organizers/{{user_id}}": _organizer,
    f"GET {_COMPETITION}/submissions": _organizer,
    f"POST {_SUBMISSION}/rerun": _organizer,
    f"POST {_SUBMISSION}/disqualify": _organizer,
    f"POST {_SUBMISSION}/restore": _organizer,
    f"POST {_PHASE}/rerun": _organizer,
    f"POST {_PHASE}/migrate": _organizer,
    f"GET {_PHASE}/quotas": _organizer,
    f"PUT {_PHASE}/quotas/{{team}}": _organizer,
    f"DELETE {_PHASE}/quotas/{{team}}": _organizer,
    f"GET {_PHASE}/dataset": _organizer,
    f"GET {_COMPETITION}/queue": _organizer,
    f"GET {_V1}/queue": _admin,
    f"GET {_COMPETITION}/audit": _organizer,
    f"GET {_COMPETITION}/audit/export": _organizer,
    f"GET {_V1}/audit": _admin,
    f"GET {_V1}/audit/export": _admin,
    f"GET {_COMPETITION}/announcements": _anyone,
    f"POST {_COMPETITION}/announcements": _organizer,
    f"GET {_COMPETITION}/webhooks": _organizer,
    f"POST {_COMPETITION}/webhooks": _organizer,
    f"GET {_WEBHOOK}": _organizer,
    f"PATCH {_WEBHOOK}": _organizer,
    f"DELETE {_WEBHOOK}": _organizer,
    f"POST {_WEBHOOK}/test": _organizer,
    f"GET {_WEBHOOK}/deliveries": _organizer,
    f"POST {_WEBHOOK}/deliveries/{{delivery_id}}/redeliver": _organizer,
    f"GET {_V1}/users": _admin,
    f"PUT {_V1}/users/{{user_id}}/admin": _admin,
    f"DELETE {_V1}/users/{{user_id}}/admin": _admin,
    # Rules: taking part, teams, one's own submissions
    f"POST {_COMPETITION}/participants": _submits,
    f"GET {_COMPETITION}/participants/me": _signed_in,
    f"GET {_COMPETITION}/teams": _anyone,
    f"POST {_COMPETITION}/teams": _submits,
    f"GET {_TEAM}": _member,
    f"PATCH {_TEAM}": _changes,
    f"DELETE {_TEAM}/members/{{member}}": _changes_or_organizes,
    f"POST {_TEAM}/invitations": _changes,
    f"GET {_TEAM}/invitations": _member,
    f"GET {_COMPETITION}/invitations": _signed_in,
    f"POST {_COMPETITION}/invitations/{{invitation_id}}/accept": _submits,
    f"POST {_COMPETITION}/invitations/{{invitation_id}}/decline": _submits,
    f"DELETE {_COMPETITION}/invitations/{{invitation_id}}": _submits,
    f"GET {_PHASE}/submissions/mine": _signed_in,
    f"POST {_SUBMISSION}/cancel": _changes_or_organizes,
    f"PUT {_SUBMISSION}/selection": _changes,
    f"DELETE {_SUBMISSION}/selection": _changes,
    "GET /competitions/{competition}": _anyone,
    "POST /competitions/{competition}/join": _submits,
    f"GET {_ORGANIZE}": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/references": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/publish": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/quotas/{{team}}": _organizer,
    f"POST {_ORGANIZE}/organizers": _organizer,
    f"POST {_ORGANIZE}/organizers/{{user_id}}/remove": _organizer,
    f"GET {_ORGANIZE}/participants": _organizer,
    f"POST {_ORGANIZE}/participants/{{participant_id}}/{{action}}": _organizer,
    f"GET {_ORGANIZE}/submissions": _organizer,
    f"POST {_ORGANIZE}/submissions/{{chosen}}/{{action}}": _organizer,
    f"GET {_ORGANIZE}/teams": _organizer,
    f"GET {_ORGANIZE}/queue": _organizer,
    f"GET {_ORGANIZE}/announcements": _organizer,
    f"POST {_ORGANIZE}/announcements": _organizer,
    f"GET {_ORGANIZE}/webhooks": _organizer,
    f"POST {_ORGANIZE}/webhooks": _organizer,
    f"GET {_ORGANIZE}/webhooks/{{webhook_id}}": _organizer,
    f"POST {_ORGANIZE}/webhooks/{{webhook_id}}/{{action}}": _organizer,
    f"POST {_ORGANIZE}/webhooks/{{webhook_id}}/deliveries/{{delivery_id}}/redeliver": _organizer,
    f"GET {_ORGANIZE}/audit": _organizer,
    "GET /competitions/{competition}/organize/bundle": _organizer,
    "POST /competitions/{competition}/organize/bundle": _organizer,
    "POST /competitions/{competition}/organize/bundle/apply": _organizer,
    # Rules: pages
    "GET /competitions/{competition}/team": _signed_in,
    "POST /competitions/{competition}/team": _submits,
    "POST /competitions/{competition}/team/invitations": _submits,
    "POST /competitions/{competition}/team/invitations/{invitation_id}/accept": _submits,
    "POST /competitions/{competition}/team/invitations/{invitation_id}/decline": _submits,
    "POST /competitions/{competition}/team/invitations/{invitation_id}/withdraw": _submits,
    "POST /competitions/{competition}/team/leave": _submits,
    "GET /competitions/{competition}/phases/{phase}/submissions": _signed_in,
    "POST /competitions/{competition}/phases/{phase}/submissions": _submits,
    "GET /submissions/{submission_id}": _member,
    "POST /submissions/{submission_id}/cancel": _changes_or_organizes,
    "POST /submissions/{submission_id}/selection": _changes,
    # Pages
    "GET /": _anyone,
    "GET /docs": _anyone,
    "GET /organizers/workers": _admin,
    "GET /competitions/{competition}/phases/{phase}/leaderboard": _anyone,
    "GET /competitions/{competition}/phases/{phase}/leaderboard/board": _anyone,
    # Accounts
    f"POST {_V1}/accounts": _anyone,
    f"POST {_V1}/account/email": _browser,
    f"POST {_V1}/account/confirmation": _anyone,
    f"PUT {_V1}/account/password": _browser,
    f"POST {_V1}/account/reset-request": _anyone,
    f"POST {_V1}/account/reset": _anyone,
    f"POST {_V1}/account/deletion": _browser,
    f"POST {_V1}/session": _anyone,
    f"GET {_V1}/session": _signed_in,
    f"DELETE {_V1}/session": _browser,
    f"GET {_V1}/tokens": _signed_in,
    f"POST {_V1}/tokens": _browser,
    f"DELETE {_V1}/tokens/current": _signed_in,
    f"DELETE {_V1}/tokens/{{token_id}}": _browser,
    "GET /sign-in": _anyone,
    "POST /sign-in": _anyone,
    "GET /sign-in/openid": _anyone,
    "GET /sign-in/openid/callback": _anyone,
    "POST /sign-out": _anyone,
    "GET /register": _anyone,
    "POST /register": _anyone,
    "GET /reset": _anyone,
    "POST /reset": _anyone,
    "GET /reset/{token}": _anyone,
    "POST /reset/{token}": _anyone,
    "GET /confirm/{token}": _anyone,
    "POST /confirm/{token}": _anyone,
    "GET /account": _browser,
    "POST /account/email": _browser,
    "POST /account/password": _browser,
    "POST /account/tokens": _browser,
    "POST /account/tokens/{token_id}/revoke": _browser,
    "POST /account/delete": _browser,
}
"""Every address, by method and template. The application refuses to start with one that is not named here."""


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
    limiting.count(request, principal)
    rule: Rule = request.app.state.rules[request.scope["endpoint"], request.method]
    if principal is None and rule.audience is not Audience.ANYONE:
        raise NotAuthenticatedError("Sign in, or send a token in the header `Authorization: Bearer <token>`.")
    if principal is not None and rule.scope not in principal.scopes:
        raise NotAllowedError(f"This token may not be used here: it lacks the scope `{rule.scope}`.")
    # A session of its own, closed at once: a slow upload must not hold a connection.
    with reading() as session:
        found = _look_up(session, request.path_params, principal)
        _check(session, rule.audience, found)
    request.state.access = found
    return found


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
    submission = team = phase = competition = None
    if "submission_id" in names:
        submission = submissions.find(session, _id(names["submission_id"]))
        phase, team = submission.phase, submission.team
        competition = phase.competition
    elif "team_id" in names:
        team = session.get(Team, _id(names["team_id"]))
        if team is None:
            raise NotFoundError(f"There is no team {names['team_id']}.")
        competition = session.get_one(Competition, team.competition_id)
    elif "phase" in names:
        phase = competitions.find_phase(session, _slug(names["competition"]), _slug(names["phase"]))
        competition = phase.competition
    elif "competition" in names:
        competition = competitions.find_competition(session, _slug(names["competition"]))
    if competition is not None and names.get("competition", competition.slug) != competition.slug:
        raise NotFoundError(_NOTHING)  # the object is of another competition than the address says
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
    if not SLUG.fullmatch(text):
        raise NotFoundError(_NOTHING)
    return text


def _check(session: Session, audience: Audience, found: Access) -> None:
    competition, principal = found.competition, found.principal
    if competition is not None and not competition.published and not found.is_organizer:
        raise NotFoundError(f"There is no competition `{competition.slug}`.")
    if audience is Audience.ANYONE or principal is None:
        return
    is_admin = principal.user.is_admin
    if audience is Audience.BROWSER and principal.session_id is None:
        raise NotAllowedError("Sign in with your password for this; a token does not do.")
    if audience is Audience.ADMIN and not is_admin:
        raise NotAllowedError("Only admins may do this.")
    owned = found.team is not None and not access.is_member(session, principal.user.id, found.team.id)
    if audience in {Audience.MEMBER, Audience.MEMBER_OR_ORGANIZER} and owned:
        if audience is Audience.MEMBER_OR_ORGANIZER and found.is_organizer:
            return
        raise NotFoundError(_nothing(found))
    if audience is Audience.ORGANIZER and not found.is_organizer:
        if found.submission is not None and owned:
            raise NotFoundError(_nothing(found))
        raise NotAllowedError("Only organizers of the competition may do this.")


def _nothing(found: Access) -> str:
    """Return the same words as for an id that does not exist."""
    if found.submission is not None:
        return f"There is no submission {found.submission.id}."
    assert found.team is not None
    return f"There is no team {found.team.id}."
