"""A client of the public HTTP API."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from core.errors import LetheError
from core.lifecycle import ENDED

_TIMEOUT_S = 60.0
_RECONNECT_S = 1.0
_MAX_FAILURES = 30


class _Event(NamedTuple):
    id: str
    data: str


class Changes(NamedTuple):
    """What a bundle would change, as the API says it, and the ETag that stands for exactly this."""

    answer: dict[str, Any]
    etag: str


class ApiError(LetheError):
    """The API refused a request, in its own words, or does not answer."""


class Client:
    """Talks to one Lethe installation, as one user or as nobody."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._site = url
        self._url = f"{url}/api/v1"
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def make_token(self, login: str, password: str, *, token_name: str) -> str:
        """Sign in with a password, make a token that does all that its owner may, and sign out again."""
        response = self._request("POST", "/session", json={"login": login, "password": password})
        cookie = response.headers["Set-Cookie"].split(";")[0]
        browser = Client(self._site)
        browser._headers = {"Cookie": cookie, "X-CSRF-Token": response.json()["csrf_token"]}
        wanted = {"name": token_name, "scopes": ["read", "submit", "organize", "admin"]}
        token: str = browser._ask("POST", "/tokens", json=wanted)["token"]
        browser._request("DELETE", "/session")
        return token

    def revoke_token(self) -> None:
        """Revoke the token of this client."""
        self._request("DELETE", "/tokens/current")

    def phase(self, competition: str, phase: str) -> dict[str, Any]:
        """Return the state of a phase."""
        return self._ask("GET", f"/competitions/{competition}/phases/{phase}")

    def leaderboard(self, competition: str, phase: str, *, whole: bool = False) -> dict[str, Any]:
        """Return the first page of the leaderboard of a phase, or with `whole` all of its rows."""
        address = f"/competitions/{competition}/phases/{phase}/leaderboard"
        response = self._request("GET", address)
        board = _object(response)
        while whole and "next" in response.links:
            following = response.links["next"]["url"].removeprefix("/api/v1")
            response = self._request("GET", following)
            board["rows"] += _object(response)["rows"]
        return board

    def leaderboard_csv(self, competition: str, phase: str) -> str:
        """Return the whole leaderboard of a phase as CSV."""
        return self._request("GET", f"/competitions/{competition}/phases/{phase}/leaderboard.csv").text

    def submit(self, competition: str, phase: str, path: Path) -> dict[str, Any]:
        """Upload a file and return the submission."""
        with path.open("rb") as source:
            files = {"file": (path.name, source, "application/octet-stream")}
            address = f"/competitions/{competition}/phases/{phase}/submissions"
            return self._ask("POST", address, files=files)

    def submission(self, submission_id: str) -> dict[str, Any]:
        """Return the state of a submission of this user."""
        return self._ask("GET", f"/submissions/{submission_id}")

    def cancel(self, submission_id: str) -> dict[str, Any]:
        """Cancel a submission of this user's team and return it."""
        return self._ask("POST", f"/submissions/{submission_id}/cancel")

    def select(self, submission_id: str, *, undo: bool) -> dict[str, Any]:
        """Select a submission of this user's team, or take that back, and return it."""
        return self._ask("DELETE" if undo else "PUT", f"/submissions/{submission_id}/selection")

    def events(self, submission_id: str) -> Iterator[dict[str, Any]]:
        """Yield the state of a submission of this user, now and at every change, until it has ended.

        A connection that is lost, or that the server ends, is made anew; nothing is missed or comes twice.
        """
        address, last = f"/submissions/{submission_id}/events", None
        failures = 0
        while True:
            try:
                for event in self._stream(address, last):
                    last, failures = event.id, 0
                    yield json.loads(event.data)
                    if json.loads(event.data)["state"] in ENDED:
                        return
            except httpx2.TransportError as error:
                failures += 1
                if failures == _MAX_FAILURES:
                    raise ApiError(f"{self._url} does not answer: {error}") from error
            time.sleep(_RECONNECT_S)

    def _stream(self, address: str, last: str | None) -> Iterator[_Event]:
        headers = self._headers | ({} if last is None else {"Last-Event-ID": last})
        with httpx2.stream("GET", self._url + address, headers=headers, timeout=_TIMEOUT_S) as response:
            if response.is_error:
                response.read()
                raise ApiError(_fault(response))
            fields: dict[str, str] = {}
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                elif "data" in fields:
                    yield _Event(fields["id"], fields["data"])
                    fields = {}

    def log(self, submission_id: str) -> str:
        """Return what the runs of a submission of this user printed."""
        return self._request("GET", f"/submissions/{submission_id}/log").text

    def rescore(self, competition: str, phase: str, version: str | None) -> dict[str, Any]:
        """Have a phase scored under another version, by default the newest, and return how far that is."""
        address = f"/competitions/{competition}/phases/{phase}/rescore"
        return self._ask("POST", address, json={"scoring_version": version})

    def request_references(self, competition: str, phase: str) -> dict[str, Any]:
        """Have the reference models made that a phase lacks, and return how far they are."""
        return self._ask("POST", f"/competitions/{competition}/phases/{phase}/references")

    def references(self, competition: str, phase: str) -> dict[str, Any]:
        """Return how far the reference models of a phase are."""
        return self._ask("GET", f"/competitions/{competition}/phases/{phase}/references")

    def create_competition(self, bundle: bytes, *, published: bool | None) -> dict[str, Any]:
        """Create a competition from a bundle and return it."""
        asked = {} if published is None else {"published": published}
        return self._ask("POST", "/competitions", files=_file(bundle), params=asked)

    def bundle(self, competition: str) -> bytes:
        """Return the bundle of a competition."""
        return self._request("GET", f"/competitions/{competition}/bundle").content

    def show_changes(self, competition: str, bundle: bytes) -> Changes:
        """Return what a bundle would change in a competition."""
        address = f"/competitions/{competition}/bundle?dry_run=true"
        response = self._request("PUT", address, files=_file(bundle))
        return Changes(_object(response), response.headers.get("ETag", ""))

    def make_changes(self, competition: str, bundle: bytes, *, etag: str) -> dict[str, Any]:
        """Make the changes that were shown, and return them."""
        address = f"/competitions/{competition}/bundle"
        response = self._request("PUT", address, files=_file(bundle), headers={"If-Match": etag})
        return _object(response)

    def delete_competition(self, competition: str) -> None:
        """Delete a competition without submissions."""
        self._request("DELETE", f"/competitions/{competition}")

    def artifact(self, submission_id: str) -> bytes:
        """Return what a submission was scored from."""
        return self._request("GET", f"/submissions/{submission_id}/artifact").content

    def _ask(self, method: str, address: str, **options: Any) -> dict[str, Any]:
        return _object(self._request(method, address, **options))

    def _request(self, method: str, address: str, **options: Any) -> httpx2.Response:
        headers = self._headers | options.pop("headers", {})
        try:
            response = httpx2.request(
                method, self._url + address, headers=headers, timeout=_TIMEOUT_S, **options
            )
        except httpx2.TransportError as error:
            raise ApiError(f"{self._url} does not answer: {error}") from error
        if response.is_error:
            raise ApiError(_fault(response))
        return response


def _fault(response: httpx2.Response) -> str:
    content = _json(response)
    what = content.get("detail") or content.get("title") if isinstance(content, dict) else None
    return what or f"{response.url} answered {response.status_code}"


def _object(response: httpx2.Response) -> dict[str, Any]:
    content = _json(response)
    if not isinstance(content, dict):
        raise ApiError(f"{response.url} answered no JSON object")
    return content


def _file(bundle: bytes) -> dict[str, tuple[str, bytes, str]]:
    return {"file": ("bundle.zip", bundle, "application/zip")}


def _json(response: httpx2.Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None
