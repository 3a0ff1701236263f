"""What organizers ask the public HTTP API for."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cli.client import ApiError, Client

_PAGE = "200"


class OrganizerClient(Client):
    """Talks to one Lethe installation as an organizer of a competition."""

    def listed(self, address: str, rows: str, **filters: str | None) -> Iterator[dict[str, Any]]:
        """Yield every entry of a list, page after page.

        Args:
            address: the list, below `/api/v1`.
            rows: the key under which a page holds its entries.
            filters: what is wanted; None asks for nothing.
        """
        query = {name: value for name, value in filters.items() if value is not None} | {"limit": _PAGE}
        while True:
            response = self._request("GET", address, params=query)
            yield from response.json()[rows]
            if "next" not in response.links:
                return
            (query["cursor"],) = parse_qs(urlsplit(response.links["next"]["url"]).query)["cursor"]

    def order(self, method: str, address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Have something done, and return what became of it."""
        return self._ask(method, address, json={} if body is None else body)

    def delete(self, address: str) -> None:
        """Have something deleted."""
        self._request("DELETE", address)

    def text(self, address: str, **query: str) -> str:
        """Return a text as it is."""
        return self._request("GET", address, params=query).text

    def participant(self, competition: str, name: str) -> dict[str, Any]:
        """Return the participant of this name."""
        address = f"/competitions/{competition}/participants"
        return _named(self.listed(address, "participants", name=name), "name", name)

    def team(self, competition: str, phase: str, name: str) -> dict[str, Any]:
        """Return the team of this name, with its quotas in a phase."""
        address = f"/competitions/{competition}/phases/{phase}/quotas"
        return _named(self.listed(address, "teams", name=name), "team", name)


def _named(rows: Iterator[dict[str, Any]], key: str, name: str) -> dict[str, Any]:
    for row in rows:
        if row[key].casefold() == name.casefold():
            return row
    raise ApiError(f"nobody here is called `{name}`")
