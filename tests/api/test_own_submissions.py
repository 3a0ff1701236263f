"""Quotas, repeated uploads, cancellation and selection over HTTP and on their pages."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
import time_machine

from core import db, reruns
from core.competitions import find_phase
from core.models import utc_now
from tests.support.api import PHASE, Streamed, on_both_databases, run_all, stream
from tests.support.competition import HONEST
from tests.support.rules import finish

MINE = f"{PHASE}/submissions/mine"
PAGE = "/competitions/faces/phases/check/submissions"


@pytest.fixture
def quotas(make_competition):
    """Create the competition with these quotas in its phases."""

    def make(**limits):
        make_competition(quotas=limits)
        with db.transaction() as session:
            feedback = find_phase(session, "faces", "feedback")
            feedback.auto_migrate, feedback.max_selected = True, 1

    return make


def upload(client, participant, number=0, key=None, phase=PHASE):
    files = {"file": ("submission.py", HONEST + f"# {number}\n".encode())}
    headers = participant.headers | ({"Idempotency-Key": key} if key is not None else {})
    return client.post(f"{phase}/submissions", files=files, headers=headers)


def kind(response):
    return response.json()["type"].removeprefix("urn:lethe:problem:")


def act(client, participant, method, submission_id, what):
    return client.request(method, f"/api/v1/submissions/{submission_id}/{what}", headers=participant.headers)


def test_upload_over_quota_says_which_and_when_to_come_back(client, quotas, ada):
    quotas(per_day=1)
    with time_machine.travel(datetime(2030, 7, 3, 23, 59, 0, tzinfo=UTC), tick=False) as clock:
        assert upload(client, ada, 1).status_code == 202
        refused = upload(client, ada, 2)
        assert (refused.status_code, kind(refused)) == (429, "quota-exceeded")
        assert refused.headers["retry-after"] == "60"
        assert "The daily quota resets at 2030-07-04 00:00:00 UTC" in refused.json()["detail"]
        clock.shift(timedelta(seconds=int(refused.headers["retry-after"])))
        assert upload(client, ada, 2).status_code == 202


def test_upload_over_quota_is_refused_before_its_body_is_read(client, quotas, ada):
    quotas(total=1)
    upload(client, ada, 1)
    assert stream(client.app, ada.headers, chunks=100) == Streamed(429, chunks_taken=0)
    declared = ada.headers | {"Content-Length": str(2**20)}
    assert stream(client.app, declared, chunks=100) == Streamed(429, chunks_taken=0)


def test_same_bytes_over_quota_are_the_submission_that_is_there(client, quotas, ada):
    quotas(total=1)
    first = upload(client, ada, 1, key="one")
    again = upload(client, ada, 1)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    named = upload(client, ada, 1, key="one")
    assert (named.status_code, named.headers["location"]) == (202, first.headers["location"])
    assert upload(client, ada, 1, key="two").status_code == 200
    assert upload(client, ada, 1, key="two").status_code == 200, "the first answer under this key"


def test_key_for_another_upload_is_refused(client, competition, ada):
    upload(client, ada, 1, key="k" * 255)
    refused = upload(client, ada, 2, key="k" * 255)
    assert (refused.status_code, kind(refused)) == (422, "idempotency-key-reused")


@pytest.mark.parametrize("key", ["", "k" * 256, "a b", "\x7f", "schlüssel".encode()])
def test_malformed_key_is_refused_before_the_body_is_read(client, competition, ada, key):
    files = {"file": ("s.py", HONEST)}
    response = client.post(
        f"{PHASE}/submissions", files=files, headers=ada.headers | {"Idempotency-Key": key}
    )
    assert (response.status_code, kind(response)) == (422, "invalid-request")
    if isinstance(key, str):
        headers = ada.headers | {"Idempotency-Key": key}
        assert stream(client.app, headers, chunks=100) == Streamed(422, chunks_taken=0)


@on_both_databases
def test_two_uploads_at_the_same_instant_for_the_last_slot_one_wins(client, quotas, ada):
    quotas(per_day=2)
    upload(client, ada, 0)
    barrier = Barrier(3)

    def send(number):
        barrier.wait()
        return upload(client, ada, number).status_code

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(send, (1, 2, 3))) == [202, 429, 429]
    assert len(client.get(MINE, headers=ada.headers).json()["submissions"]) == 2


def test_own_submissions_are_listed_in_pages_with_what_is_left(client, quotas, ada, make_participant):
    quotas(per_day=5, total=9, concurrent=4)
    ids = [upload(client, ada, number).json()["id"] for number in range(3)]
    upload(client, make_participant("bob"), 1)
    answer = client.get(MINE, headers=ada.headers).json()
    assert [one["id"] for one in answer["submissions"]] == ids[::-1]
    midnight = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
    assert answer["usage"] == {
        "per_day": {
            "limit": 5,
            "used": 3,
            "left": 2,
            "resets_at": midnight,
        },
        "total": {"limit": 9, "used": 3, "left": 6, "resets_at": None},
        "concurrent": {"limit": 4, "used": 3, "left": 1, "resets_at": None},
    }
    assert answer["selection"] == {"selected": 0, "most": 1}
    first = client.get(f"{MINE}?limit=2", headers=ada.headers)
    rest = client.get(first.links["next"]["url"], headers=ada.headers)
    assert [one["id"] for one in first.json()["submissions"] + rest.json()["submissions"]] == ids[::-1]
    nobody = client.get(MINE, headers=make_participant("cyd").headers).json()
    assert (nobody["submissions"], nobody["usage"]["total"]["used"]) == ([], 0)
    assert client.get(MINE).status_code == 401


def test_cancelled_submission_gives_its_slot_back(client, quotas, ada, make_participant, olga):
    quotas(total=1)
    submission_id = upload(client, ada, 1).json()["id"]
    assert act(client, make_participant("bob"), "POST", submission_id, "cancel").status_code == 404
    cancelled = act(client, ada, "POST", submission_id, "cancel")
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    again = act(client, ada, "POST", submission_id, "cancel")
    assert (again.status_code, kind(again)) == (409, "cancellation-refused")
    other = upload(client, ada, 1).json()["id"]
    assert other != submission_id
    assert act(client, olga, "POST", other, "cancel").json()["state"] == "cancelled"


def test_selection_is_made_and_taken_back_by_the_team_alone(client, quotas, ada, olga):
    quotas()
    one, two = (upload(client, ada, number).json()["id"] for number in (1, 2))
    refused = act(client, ada, "PUT", one, "selection")
    assert (refused.status_code, kind(refused)) == (409, "selection-refused")
    for submission_id in (one, two):
        finish(UUID(submission_id))
    assert act(client, ada, "PUT", one, "selection").json()["selected"]
    assert act(client, ada, "PUT", two, "selection").status_code == 409
    assert act(client, olga, "PUT", one, "selection").status_code == 404
    assert not act(client, ada, "DELETE", one, "selection").json()["selected"]
    assert act(client, ada, "PUT", two, "selection").json()["selected"]


def test_disqualified_submission_says_why_to_its_owner(client, competition, ada, olga):
    submission_id = UUID(upload(client, ada).json()["id"])
    run_all(submission_id)
    with db.transaction() as session:
        reruns.disqualify(session, submission_id, actor=olga.user, reason="It is <somebody> else's.")
    shown = client.get(f"/api/v1/submissions/{submission_id}", headers=ada.headers).json()
    assert shown["disqualified"] == "It is <somebody> else's."
    page = client.get(f"/submissions/{submission_id}", headers=ada.headers).text
    assert "It is &lt;somebody&gt; else&#39;s." in page


def test_pages_upload_show_select_and_cancel_without_scripts(client, quotas, ada, make_participant):
    quotas(per_day=2)
    assert "<b>2</b> of 2 left" in client.get(PAGE, headers=ada.headers).text
    files = {"file": ("mine.py", HONEST)}
    sent = client.post(PAGE, files=files, headers=ada.headers, follow_redirects=False)
    assert sent.status_code == 303
    address = sent.headers["location"]
    page = client.get(address, headers=ada.headers).text
    assert all(word in page for word in ("mine.py", "Queued", "every 4s", f'action="{address}/cancel"'))
    assert client.get(address, headers=make_participant("bob").headers).status_code == 404
    finish(UUID(address.rsplit("/", 1)[1]))
    refused = client.post(f"{address}/cancel", headers=ada.headers)
    assert (refused.status_code, "too late" in refused.text) == (409, True)
    selected = client.post(f"{address}/selection", data={"selected": "true"}, headers=ada.headers)
    assert all(word in selected.text for word in ("Deselect", "0.1000", "Finished"))
    assert "every 4s" not in selected.text
    listed = client.get(PAGE, headers=ada.headers).text
    assert all(word in listed for word in ("mine.py", "selected", "<b>1</b> of 2 left", "1 of 1 selected"))
    upload(client, ada, 2)
    over = client.post(PAGE, files={"file": ("b.py", HONEST + b"# 3")}, headers=ada.headers)
    assert (over.status_code, "The daily quota resets" in over.text) == (429, True)


def test_page_of_a_phase_that_takes_no_uploads_says_so(client, competition, ada):
    with db.transaction() as session:
        find_phase(session, "faces", "check").uploads = False
    page = client.get(PAGE, headers=ada.headers).text
    assert "Check takes no uploads" in page
    assert 'type="file"' not in page


@on_both_databases
def test_upload_whose_answer_got_lost_at_the_end_of_the_phase_is_repeated_after_it(
    client, database, competition, ada
):
    first = upload(client, ada, key="k")
    with db.transaction() as session:
        find_phase(session, "faces", "check").closes_at = utc_now()
    again = upload(client, ada, key="k")
    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])
    assert kind(upload(client, ada, number=1, key="k")) == "idempotency-key-reused"
    for key in (None, "new"):
        assert kind(upload(client, ada, key=key)) == "phase-closed"
