"""What participants ask the public HTTP API for."""

from typing import Any
from urllib.parse import quote

from cli.client import ApiError, Client


class ParticipantClient(Client):
    """Talks to one Lethe installation as a participant of one competition."""

    def __init__(self, url: str, token: str, competition: str) -> None:
        super().__init__(url, token)
        self._competition = f"/competitions/{quote(competition, safe='')}"

    def join(self, *, accept_terms: bool) -> dict[str, Any]:
        """Take part, and return as what."""
        wish = {"accept_terms": accept_terms}
        return self._ask("POST", f"{self._competition}/participants", json=wish)

    def own_part(self) -> dict[str, Any]:
        """Return how this user takes part, and in which team."""
        return self._ask("GET", f"{self._competition}/participants/me")

    def name_team(self, name: str) -> dict[str, Any]:
        """Give this user's team a name, a first time or anew, and return it."""
        team = self.own_part()["team"]
        if team["size"] > 1:
            return self._ask("PATCH", f"/teams/{team['id']}", json={"name": name})
        return self._ask("POST", f"{self._competition}/teams", json={"name": name})

    def invite(self, participant: str) -> dict[str, Any]:
        """Ask somebody to become part of this user's team, and return the invitation."""
        address = f"/teams/{self.own_part()['team']['id']}/invitations"
        return self._ask("POST", address, json={"participant": participant})

    def invitations(self) -> list[dict[str, Any]]:
        """Return the invitations that this user may accept."""
        found: list[dict[str, Any]] = self._ask("GET", f"{self._competition}/invitations")["invitations"]
        return found

    def accept(self, team: str) -> dict[str, Any]:
        """Accept the invitation of a team, and return the team."""
        for invitation in self.invitations():
            if invitation["team"].casefold() == team.casefold():
                return self._ask("POST", f"{self._competition}/invitations/{invitation['id']}/accept")
        raise ApiError(f"`{team}` has not invited you.")

    def leave(self, member: str | None) -> dict[str, Any]:
        """Leave the team, or remove somebody from it, and return where they are now."""
        part = self.own_part()
        name = quote(member or part["name"], safe="")
        return self._ask("DELETE", f"/teams/{part['team']['id']}/members/{name}")

    def own_submissions(self, phase: str) -> dict[str, Any]:
        """Return the newest submissions of this user's team in a phase, and what its quotas leave it."""
        return self._ask("GET", f"{self._competition}/phases/{quote(phase, safe='')}/submissions/mine")
