"""Who may do what: one table of all addresses, with whom each is for and what a token needs there."""

from enum import StrEnum
from typing import NamedTuple

from core.access import Scope


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
    """Whom an address is for, and the scope that a token needs there.

    `organizing` is the scope in place of it where an organizer asks who is no member of the team.
    """

    audience: Audience
    scope: Scope = Scope.READ
    organizing: Scope | None = None


_anyone = Rule(Audience.ANYONE)
_signed_in = Rule(Audience.SIGNED_IN)
_browser = Rule(Audience.BROWSER)
_submits = Rule(Audience.SIGNED_IN, Scope.SUBMIT)
_member = Rule(Audience.MEMBER_OR_ORGANIZER)
_changes = Rule(Audience.MEMBER, Scope.SUBMIT)
_changes_or_organizes = Rule(Audience.MEMBER_OR_ORGANIZER, Scope.SUBMIT, organizing=Scope.ORGANIZE)
_organizer = Rule(Audience.ORGANIZER, Scope.ORGANIZE)
_admin = Rule(Audience.ADMIN, Scope.ADMIN)

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
    f"PUT {_PHASE}/quotas/{{team_id}}": _organizer,
    f"DELETE {_PHASE}/quotas/{{team_id}}": _organizer,
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
    # Taking part, teams, one's own submissions
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
    # Accounts
    f"POST {_V1}/accounts": _anyone,
    f"POST {_V1}/account/email": _browser,
    f"POST {_V1}/account/confirmation": _anyone,
    f"PUT {_V1}/account/password": _browser,
    f"POST {_V1}/account/reset-request": _anyone,
    f"POST {_V1}/account/reset": _anyone,
    f"POST {_V1}/account/deletion": _browser,
    f"GET {_V1}/account/identities": _browser,
    f"DELETE {_V1}/account/identities/{{identity_id}}": _browser,
    f"POST {_V1}/session": _anyone,
    f"GET {_V1}/session": _signed_in,
    f"DELETE {_V1}/session": _browser,
    f"GET {_V1}/tokens": _signed_in,
    f"POST {_V1}/tokens": _browser,
    f"DELETE {_V1}/tokens/current": _signed_in,
    f"DELETE {_V1}/tokens/{{token_id}}": _browser,
    # Pages
    "GET /": _anyone,
    "GET /docs": _anyone,
    "GET /competitions/{competition}/phases/{phase}/leaderboard": _anyone,
    "GET /competitions/{competition}/phases/{phase}/leaderboard/board": _anyone,
    # Pages of participants
    "GET /competitions/{competition}": _anyone,
    "POST /competitions/{competition}/join": _submits,
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
    # Pages of organizers
    f"GET {_ORGANIZE}": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/references": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/publish": _organizer,
    f"POST {_ORGANIZE}/phases/{{phase}}/quotas/{{team_id}}": _organizer,
    f"POST {_ORGANIZE}/organizers": _organizer,
    f"POST {_ORGANIZE}/organizers/{{user_id}}/remove": _organizer,
    f"GET {_ORGANIZE}/participants": _organizer,
    f"POST {_ORGANIZE}/participants/{{participant_id}}/{{action}}": _organizer,
    f"GET {_ORGANIZE}/submissions": _organizer,
    f"POST {_ORGANIZE}/submissions/{{submission_id}}/{{action}}": _organizer,
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
    f"GET {_ORGANIZE}/bundle": _organizer,
    f"POST {_ORGANIZE}/bundle": _organizer,
    f"POST {_ORGANIZE}/bundle/apply": _organizer,
    "GET /organizers/workers": _admin,
    # Pages of accounts
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
    "POST /account/identities/{identity_id}/unlink": _browser,
    "POST /account/delete": _browser,
}
"""Every address, by method and template. The application refuses to start with one that is not named here."""
