"""Access tokens: made once, bounded by scope and time, noted when used, and revoked."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from sqlalchemy import event, select

from core import db, tokens
from core.models import AccessToken, utc_now
from tests.support.api import PHASE, on_both_databases, register, sign_in
from tests.support.competition import HONEST

TOKENS = "/api/v1/tokens"
SESSION = "/api/v1/session"


@pytest.fixture
def browser(client):
    register(client, "bob")
    return sign_in(client, "bob")


def make(browser, **changes):
    wanted = {"name": "laptop", "scopes": ["read"]} | changes
    return browser.client.post(TOKENS, json=wanted, headers=browser.headers)


def bearer(answer):
    return {"Authorization": f"Bearer {answer.json()['token']}"}


@on_both_databases
def test_token_is_shown_once_and_listed_without_itself(browser, client, database):
    made = make(browser, scopes=["submit", "read", "read"])
    assert made.status_code == 201
    text = made.json()["token"]
    assert text.startswith(made.json()["hint"])
    assert made.json()["scopes"] == ["read", "submit"]
    listed = client.get(TOKENS)
    assert [one["name"] for one in listed.json()["tokens"]] == ["laptop"]
    assert text not in listed.text
    with db.reading() as session:
        assert session.scalars(select(AccessToken.token_sha256)).one() == tokens.hash_of(text)


@on_both_databases
def test_token_does_what_its_scopes_say_and_no_more(browser, client, database, competition):
    reads, submits = bearer(make(browser)), bearer(make(browser, scopes=["submit"]))
    client.cookies.clear()
    upload = {"files": {"file": ("s.py", HONEST)}}
    refused = client.post(f"{PHASE}/submissions", headers=reads, **upload)
    assert refused.status_code == 403
    assert "`submit`" in refused.json()["detail"]
    assert client.post(f"{PHASE}/submissions", headers=submits, **upload).status_code == 202
    assert client.get(TOKENS, headers=submits).status_code == 403
    assert client.get(TOKENS, headers=reads).status_code == 200


def test_scope_without_the_role_opens_nothing(browser, client, competition):
    everything = bearer(make(browser, scopes=["read", "submit", "organize", "admin"]))
    client.cookies.clear()
    assert client.get("/api/v1/workers", headers=everything).status_code == 403
    assert client.get(f"{PHASE}/references", headers=everything).status_code == 403


@on_both_databases
def test_token_is_good_up_to_its_last_moment(browser, client, database):
    end = datetime.fromisoformat("2027-03-28T01:00:00+00:00")  # where clocks in Europe jump
    with time_machine.travel(end - timedelta(days=1), tick=False) as clock:
        browser = sign_in(client, "bob")
        token = bearer(make(browser, expires_at="2027-03-28T03:00:00+02:00"))
        client.cookies.clear()
        clock.move_to(end - timedelta(microseconds=1))
        assert client.get(SESSION, headers=token).status_code == 200
        clock.move_to(end)
        assert client.get(SESSION, headers=token).status_code == 401


def test_revoked_token_is_good_for_nothing_at_once(browser, client):
    made = make(browser)
    answer = client.delete(f"{TOKENS}/{made.json()['id']}", headers=browser.headers)
    assert answer.status_code == 204
    assert client.get(SESSION, headers=bearer(made)).status_code == 401
    assert client.get(TOKENS).json()["tokens"] == []
    again = client.delete(f"{TOKENS}/{made.json()['id']}", headers=browser.headers)
    assert again.status_code == 404


def test_token_revokes_itself(browser, client):
    made = make(browser)
    assert client.delete(f"{TOKENS}/current", headers=bearer(made)).status_code == 204
    assert client.get(SESSION, headers=bearer(made)).status_code == 401
    assert client.delete(f"{TOKENS}/current", headers=browser.headers).status_code == 404


def test_token_of_somebody_else_is_not_there(browser, client, ada):
    with db.reading() as session:
        theirs = session.scalars(select(AccessToken).where(AccessToken.user_id == ada.user.id)).one()
    answers = [
        client.delete(f"{TOKENS}/{one}", headers=browser.headers) for one in (theirs.id, uuid4(), "nothing")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert client.get(SESSION, headers=ada.headers).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "a\0b"},
        {"name": "x" * 65},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": "read"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2099-01-01T00:00:00"},
        {"expires_at": "soon"},
        {"user": "olga"},
    ],
)
def test_token_of_a_wrong_form_is_refused(browser, changes):
    assert make(browser, **changes).status_code == 422


def test_account_has_only_so_many_tokens(browser, client):
    ids = [make(browser).json()["id"] for _ in range(tokens.MAX_TOKENS)]
    assert make(browser).status_code == 422
    client.delete(f"{TOKENS}/{ids[0]}", headers=browser.headers)
    assert make(browser).status_code == 201


@on_both_databases
def test_use_is_noted_once_a_minute_and_writes_nothing_in_between(client, database, ada):
    def used_at():
        with db.reading() as session:
            return session.scalars(select(AccessToken.last_used_at)).one()

    writes = []
    event.listen(
        db.engine(), "before_cursor_execute", lambda *a: writes.append(a[2]) if "UPDATE" in a[2] else None
    )
    start = utc_now().replace(microsecond=0)
    with time_machine.travel(start, tick=False) as clock:
        assert used_at() is None
        client.get(SESSION, headers=ada.headers)
        assert used_at() == start
        clock.shift(59)
        client.get(SESSION, headers=ada.headers)
        assert (used_at(), len(writes)) == (start, 1)
        clock.shift(1)
        client.get(SESSION, headers=ada.headers)
        assert used_at() == start + timedelta(minutes=1)
        clock.shift(60)
        client.post("/api/v1/account/reset-request", json={"login": "nobody"}, headers=ada.headers)
        assert used_at() == start + timedelta(minutes=2)


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer x", "bearer \x80", "Bearer lethe_" + "x" * 5000]
)
def test_token_that_is_none_is_not_good(client, database, header):
    assert client.get(SESSION, headers={"Authorization": header.encode("latin-1")}).status_code == 401
