"""Live progress of a submission over a real connection: nothing twice, nothing missed, and it ends."""

import json
import threading
import time
from collections import Counter
from uuid import UUID

import httpx2
import pytest

from api.routes import events
from core import db, submissions
from core.lifecycle import Verdict
from tests.support.api import add_finished, run_all
from tests.support.competition import HONEST
from tests.support.serving import served

PHASE = "/api/v1/competitions/faces/phases/check"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(events, "_INTERVAL_S", 0.02)


@pytest.fixture
def url(application, client):
    with served(application) as address:
        yield address


@pytest.fixture
def submission(client, competition, ada):
    response = client.post(f"{PHASE}/submissions", headers=ada.headers, files={"file": ("s.py", HONEST)})
    return response.json()["id"]


class Stream:
    """A reader of a stream that takes one event at a time."""

    def __init__(self, url, submission, who, last=None):
        headers = who.headers | ({"Last-Event-ID": last} if last else {})
        address = f"{url}/api/v1/submissions/{submission}/events"
        self._client = httpx2.Client(timeout=10)
        self._context = self._client.stream("GET", address, headers=headers)
        self.response = self._context.__enter__()
        self._lines = self.response.iter_lines()

    def next(self):
        event = {}
        for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "data" in event:
                return event | {"data": json.loads(event["data"])}
        return None

    def rest(self):
        return list(iter(self.next, None))

    def close(self):
        self._context.__exit__(None, None, None)
        self._client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.close()


def _begin(submission_id):
    with db.transaction() as session:
        submissions.begin(session, UUID(submission_id))


def test_stream_tells_every_change_and_ends_with_the_submission(url, client, submission, ada):
    with Stream(url, submission, ada) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        first = stream.next()
        assert (first["event"], first["data"]["state"]) == ("state", "queued")
        _begin(submission)
        assert stream.next()["data"]["state"] == "running"
        run_all(UUID(submission), verdict=Verdict.TIMEOUT, message="too slow")
        last = stream.rest()[-1]
    shown = client.get(f"/api/v1/submissions/{submission}", headers=ada.headers)
    assert last["data"] == shown.json()
    assert last["data"]["state"] == "failed"


def test_reader_that_comes_back_gets_nothing_twice_and_misses_nothing(url, submission, ada):
    with Stream(url, submission, ada) as stream:
        seen = stream.next()
    with Stream(url, submission, ada, last=seen["id"]) as stream:
        received = []
        reader = threading.Thread(target=lambda: received.append(stream.next()))
        reader.start()
        reader.join(0.2)
        assert received == []
        _begin(submission)
        reader.join(10)
        assert received[0]["data"]["state"] == "running"
    run_all(UUID(submission), verdict=Verdict.TIMEOUT, message="too slow")
    with Stream(url, submission, ada, last=received[0]["id"]) as stream:
        (last,) = stream.rest()
    assert last["data"]["state"] == "failed"
    with Stream(url, submission, ada, last=last["id"]) as stream:
        assert (stream.response.status_code, stream.rest()) == (204, [])


def test_unknown_last_event_is_answered_with_the_state(url, submission, ada):
    with Stream(url, submission, ada, last="of another submission") as stream:
        assert stream.next()["data"]["state"] == "queued"


def test_stream_ends_after_its_longest_time_and_its_reader_is_checked_anew(url, submission, ada, monkeypatch):
    monkeypatch.setattr(events, "_LONGEST_S", 0.1)
    with Stream(url, submission, ada) as stream:
        assert [event["data"]["state"] for event in stream.rest()] == ["queued"]


def test_account_with_too_many_streams_is_refused_until_one_closes(url, submission, ada, monkeypatch):
    monkeypatch.setattr(events, "_MAX_STREAMS", 1)
    with Stream(url, submission, ada) as stream:
        stream.next()
        with Stream(url, submission, ada) as second:
            assert (second.response.status_code, second.response.headers["retry-after"]) == (429, "2")
    _until(lambda: not events._streams)
    with Stream(url, submission, ada) as stream:
        assert stream.response.status_code == 200
    _until(lambda: not events._streams)
    assert events._streams == Counter()


def _until(done):
    deadline = time.monotonic() + 10
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_quiet_stream_holds_no_connection_and_sends_heartbeats(url, submission, ada, monkeypatch):
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    monkeypatch.setattr(events, "_INTERVAL_S", 0.5)
    with Stream(url, submission, ada) as stream:
        stream.next()
        assert next(line for line in stream._lines if line) == ": ping"
        assert db.engine().pool.checkedout() == 0


def test_hidden_phase_streams_no_more_than_its_page_says(url, client, competition, ada):
    made = add_finished(ada.user, "feedback", 0.1, filename="s.py")
    with Stream(url, made.id, ada) as stream:
        (event,) = stream.rest()
    assert event["data"] == client.get(f"/api/v1/submissions/{made.id}", headers=ada.headers).json()
    assert event["data"]["started_at"] is None


def test_submission_of_somebody_else_is_not_there(client, submission, make_participant):
    response = client.get(f"/api/v1/submissions/{submission}/events", headers=make_participant("eve").headers)
    assert response.status_code == 404


def test_head_of_a_stream_ends_at_once(url, submission, ada):
    response = httpx2.head(f"{url}/api/v1/submissions/{submission}/events", headers=ada.headers, timeout=5)
    assert response.headers["content-type"].startswith("text/event-stream")
    _until(lambda: not events._streams)
