"""A client of the public HTTP API."""

from pathlib import Path
from typing import Any

import httpx2

from core.errors import LetheError

_TIMEOUT_S = 60.0


class ApiError(LetheError):
    """The API refused a request, in its own words, or does not answer."""


class Client:
    """Talks to one Lethe installation, as one user or as nobody."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT_S)

    def phase(self, competition: str, phase: str) -> dict[str, Any]:
        """Return the state of a phase."""
        return self._ask("GET", f"/competitions/{competition}/phases/{phase}")

    def leaderboard(self, competition: str, phase: str) -> dict[str, Any]:
        """Return the leaderboard of a phase."""
        return self._ask("GET", f"/competitions/{competition}/phases/{phase}/leaderboard")

    def submit(self, competition: str, phase: str, path: Path) -> dict[str, Any]:
        """Upload a file and return the submission."""
        with path.open("rb") as source:
            files = {"file": (path.name, source, "text/x-python")}
            address = f"/competitions/{competition}/phases/{phase}/submissions"
            return self._ask("POST", address, files=files)

    def submission(self, submission_id: str) -> dict[str, Any]:
        """Return the state of a submission of this user."""
        return self._ask("GET", f"/submissions/{submission_id}")

    def _ask(self, method: str, address: str, **options: Any) -> dict[str, Any]:
        try:
            response = self._http.request(method, address, **options)
        except httpx2.TransportError as error:
            raise ApiError(f"{self._http.base_url} does not answer: {error}") from error
        try:
            content = response.json()
        except ValueError:
            content = {}
        if response.is_error or not isinstance(content, dict):
            what = content.get("detail") or content.get("title") if isinstance(content, dict) else None
            raise ApiError(what or f"{response.url} answered {response.status_code}")
        return content
