"""Registering, confirming, resetting and deleting: what each answers, and what it leaves."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from core import db, passwords, tokens
from core.models import Mail, OneTimeToken, User, utc_now
from tests.support.api import PASSWORD, on_both_databases, register, sign_in

ACCOUNT = "/api/v1/account"
NEW = "quite another sentence"


def mails():
    with db.reading() as session:
        return session.scalars(select(Mail).order_by(Mail.created_at)).all()


def mailed_token():
    """The token at the end of the link in the newest mail."""
    (link,) = [line for line in mails()[-1].body.splitlines() if line.startswith("http")]
    return link.rsplit("/", 1)[1]


def stored(name):
    with db.reading() as session:
        return session.scalar(select(User).where(User.name_key == name.casefold()))


def confirmed(client, name, email):
    register(client, name, email=email)
    assert client.post(f"{ACCOUNT}/confirmation", json={"token": mailed_token()}).status_code == 200


@on_both_databases
def test_account_works_at_once_and_its_password_is_nowhere(client, database):
    answer = client.post("/api/v1/accounts", json={"name": "Ada.L", "password": PASSWORD})
    assert answer.status_code == 201
    assert (answer.json()["name"], answer.json()["email"]) == ("Ada.L", None)
    assert sign_in(client, "ada.l").client.get("/api/v1/session").json()["account"]["name"] == "Ada.L"
    assert stored("ada.l").password_hash.startswith("$argon2id$")
    assert mails() == []


@on_both_databases
def test_name_taken_in_any_case_is_a_conflict(client, database):
    register(client, "ada")
    answer = client.post("/api/v1/accounts", json={"name": "ADA", "password": PASSWORD})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:lethe:problem:name-taken"


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "x" * 41,
        ".ada",
        "-ada",
        "ada lovelace",
        "ada\n",
        "ädä",
        "ada@example",
        "a/b",
        "Deleted-0",
        "a\0b",
        "",
    ],
)
def test_name_that_cannot_be_is_refused(client, name):
    answer = client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 422
    assert stored(name.replace("\0", "")) is None


@pytest.mark.parametrize("name", ["ab", "x" * 40, "0", "A.b_c-9"])
def test_name_at_its_limits(client, name):
    answer = client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD})
    assert answer.status_code == (422 if len(name) < 2 else 201)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "ada"},
        {"name": "ada", "password": None},
        {"name": 1, "password": PASSWORD},
        {"name": "ada", "password": PASSWORD, "is_admin": True},
        {"name": "ada", "password": "x" * 2000},
        {"name": "ada", "password": PASSWORD, "email": "no address"},
        [],
    ],
)
def test_registration_of_a_wrong_form_is_refused(client, body):
    assert client.post("/api/v1/accounts", json=body).status_code == 422
    assert stored("ada") is None


@on_both_databases
def test_address_is_the_accounts_only_when_confirmed_and_once(client, database):
    register(client, "ada", email="Ada@Example.org")
    assert [(mail.to, mail.subject) for mail in mails()] == [
        ("ada@example.org", "Confirm your e-mail address")
    ]
    assert stored("ada").email is None
    refused = client.post("/api/v1/session", json={"login": "ada@example.org", "password": PASSWORD})
    assert refused.status_code == 401
    token = mailed_token()
    answer = client.post(f"{ACCOUNT}/confirmation", json={"token": token})
    assert answer.json()["email"] == "ada@example.org"
    sign_in(client, "ADA@example.org")
    client.cookies.clear()
    assert client.post(f"{ACCOUNT}/confirmation", json={"token": token}).status_code == 410


@on_both_databases
def test_taken_address_is_told_only_to_who_reads_its_mails(client, database):
    confirmed(client, "ada", "ada@example.org")
    bodies = []
    for name, email in (("bob", "ada@example.org"), ("cyd", "new@example.org")):
        answer = client.post("/api/v1/accounts", json={"name": name, "password": PASSWORD, "email": email})
        bodies.append((answer.status_code, answer.json() | {"name": "", "created_at": ""}))
    assert bodies[0] == bodies[1]
    with db.reading() as session:
        bob = session.scalars(select(OneTimeToken).where(OneTimeToken.user_id == stored("bob").id)).one()
    assert bob.email == "ada@example.org"
    token = next(m for m in mails() if '"bob"' in m.body).body.split("/confirm/")[1].split()[0]
    answer = client.post(f"{ACCOUNT}/confirmation", json={"token": token})
    assert answer.status_code == 409
    assert stored("bob").email is None
    assert stored("ada").email == "ada@example.org"


def test_confirmation_link_grows_old(client):
    register(client, "ada", email="ada@example.org")
    with time_machine.travel(utc_now() + timedelta(days=3, seconds=1)):
        assert client.post(f"{ACCOUNT}/confirmation", json={"token": mailed_token()}).status_code == 410


@on_both_databases
def test_reset_sets_a_password_once_and_ends_sessions_and_tokens(client, database):
    confirmed(client, "ada", "ada@example.org")
    browser = sign_in(client, "ada")
    made = client.post("/api/v1/tokens", json={"name": "t", "scopes": ["read"]}, headers=browser.headers)
    bearer = {"Authorization": f"Bearer {made.json()['token']}"}
    client.cookies.clear()
    assert client.get("/api/v1/session", headers=bearer).status_code == 200
    assert client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"}).status_code == 202
    assert mails()[-1].subject == "A new password"
    token = mailed_token()
    weak = client.post(f"{ACCOUNT}/reset", json={"token": token, "password": "ada@example.org"})
    assert weak.status_code == 422
    assert client.post(f"{ACCOUNT}/reset", json={"token": token, "password": NEW}).status_code == 204
    assert client.get("/api/v1/session", headers=bearer).status_code == 401
    assert client.post(f"{ACCOUNT}/reset", json={"token": token, "password": NEW}).status_code == 410
    old = client.post("/api/v1/session", json={"login": "ada", "password": PASSWORD})
    assert old.status_code == 401
    sign_in(client, "ada", password=NEW)
    assert mails()[-1].subject == "Your password was changed"


def test_reset_ends_the_sessions_of_all_browsers(client, application):
    confirmed(client, "ada", "ada@example.org")
    browser = sign_in(client, "ada")
    client.post(f"{ACCOUNT}/reset-request", json={"login": "ada@example.org"}, headers=browser.headers)
    token = mailed_token()
    client.post(f"{ACCOUNT}/reset", json={"token": token, "password": NEW}, headers=browser.headers)
    assert client.get("/api/v1/session").status_code == 401


def test_reset_link_grows_old_and_gives_way_to_a_newer_one(client):
    confirmed(client, "ada", "ada@example.org")
    client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"})
    first = mailed_token()
    client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"})
    second = mailed_token()
    assert client.post(f"{ACCOUNT}/reset", json={"token": first, "password": NEW}).status_code == 410
    with time_machine.travel(utc_now() + timedelta(hours=1, seconds=1)):
        assert client.post(f"{ACCOUNT}/reset", json={"token": second, "password": NEW}).status_code == 410
    assert client.post(f"{ACCOUNT}/reset", json={"token": second, "password": NEW}).status_code == 204


def test_token_of_one_purpose_is_not_good_for_another(client):
    register(client, "ada", email="ada@example.org")
    assert client.post(f"{ACCOUNT}/reset", json={"token": mailed_token(), "password": NEW}).status_code == 410


def test_reset_request_answers_the_same_whoever_is_asked_for(client):
    confirmed(client, "ada", "ada@example.org")
    register(client, "bob")
    before = len(mails())
    answers = [
        client.post(f"{ACCOUNT}/reset-request", json={"login": login})
        for login in ("ada", "bob", "nobody", "nobody@example.org", "\0", "x" * 254)
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
    assert [mail.to for mail in mails()[before:]] == ["ada@example.org"]


def test_reset_does_its_work_after_the_answer(client, monkeypatch):
    from api.routes import accounts as routes

    order = []
    monkeypatch.setattr(routes.proofs, "send_reset", lambda login: order.append("work"))
    real = routes.Response.__call__

    async def noted(self, scope, receive, send):
        async def send_noted(message):
            await send(message)
            order.append("answer") if message["type"] == "http.response.body" else None

        await real(self, scope, receive, send_noted)

    monkeypatch.setattr(routes.Response, "__call__", noted)
    client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"})
    assert order[0] == "answer"
    assert "work" in order


def test_one_reader_gets_few_mails_whoever_asks(client):
    confirmed(client, "ada", "ada@example.org")
    for _ in range(7):
        assert client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"}).status_code == 202
    assert len(mails()) == 1 + 5  # the confirmation, and what may be sent to set a password


def test_reset_requests_from_one_address_are_throttled(client):
    statuses = [
        client.post(f"{ACCOUNT}/reset-request", json={"login": f"u{i}"}).status_code for i in range(21)
    ]
    assert statuses == [202] * 20 + [429]


def test_registrations_from_one_address_are_throttled(client):
    bad = {"name": "!", "password": PASSWORD}
    for _ in range(100):
        assert client.post("/api/v1/accounts", json=bad).status_code == 422
    answer = client.post("/api/v1/accounts", json={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 3500


def test_password_change_ends_other_browsers_but_neither_this_one_nor_tokens(client, application):
    register(client, "ada")
    other = sign_in(client, "ada").client.cookies.get("lethe")
    client.cookies.clear()
    browser = sign_in(client, "ada")
    made = client.post("/api/v1/tokens", json={"name": "t", "scopes": ["read"]}, headers=browser.headers)
    wrong = {"password": NEW, "new_password": NEW}
    assert client.put(f"{ACCOUNT}/password", json=wrong, headers=browser.headers).status_code == 401
    change = {"password": PASSWORD, "new_password": NEW}
    assert client.put(f"{ACCOUNT}/password", json=change, headers=browser.headers).status_code == 204
    assert client.get("/api/v1/session").status_code == 200
    client.cookies.clear()
    assert client.get("/api/v1/session", headers={"Cookie": f"lethe={other}"}).status_code == 401
    with db.reading() as session:
        assert tokens.authenticate(session, made.json()["token"]).user.name == "ada"
    sign_in(client, "ada", password=NEW)


def test_password_is_proved_again_only_so_often(client):
    register(client, "ada")
    browser = sign_in(client, "ada")
    wrong = {"password": "not the right one"}
    for _ in range(10):
        answer = client.post(f"{ACCOUNT}/deletion", json=wrong, headers=browser.headers)
        assert answer.status_code == 401
    right = {"password": PASSWORD}
    assert client.post(f"{ACCOUNT}/deletion", json=right, headers=browser.headers).status_code == 429


def test_token_does_not_do_where_a_password_does(client, ada):
    for method, path, body in (
        ("PUT", f"{ACCOUNT}/password", {"password": PASSWORD, "new_password": NEW}),
        ("POST", f"{ACCOUNT}/email", {"email": "ada@example.org"}),
        ("POST", f"{ACCOUNT}/deletion", {"password": PASSWORD}),
        ("POST", "/api/v1/tokens", {"name": "t", "scopes": ["admin"]}),
        ("DELETE", "/api/v1/session", None),
    ):
        assert client.request(method, path, json=body, headers=ada.headers).status_code == 403
        assert client.request(method, path, json=body).status_code == 401


def test_hashing_holds_no_transaction(client, monkeypatch):
    """A writer elsewhere goes on while a password is hashed: SQLite would make it wait for half a minute."""
    register(client, "ada")
    real = passwords.hash_of
    seen = []

    def hash_while_another_writes(password):
        with db.transaction() as session:
            session.add(Mail(to="x@example.org", subject="", body=""))
        seen.append(password)
        return real(password)

    monkeypatch.setattr(passwords, "hash_of", hash_while_another_writes)
    register(client, "bob")
    browser = sign_in(client, "ada")
    change = {"password": PASSWORD, "new_password": NEW}
    assert client.put(f"{ACCOUNT}/password", json=change, headers=browser.headers).status_code == 204
    assert seen == [PASSWORD, NEW]


@on_both_databases
@pytest.mark.parametrize("way", ["reset", "change"])
def test_new_password_ends_what_another_browser_asked_to_confirm(client, database, way):
    confirmed(client, "ada", "ada@example.org")
    thief = sign_in(client, "ada")
    client.post(
        f"{ACCOUNT}/email", json={"email": "thief@example.net", "password": PASSWORD}, headers=thief.headers
    )
    theirs = mailed_token()
    if way == "reset":
        client.cookies.clear()
        client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"})
        answer = client.post(f"{ACCOUNT}/reset", json={"token": mailed_token(), "password": NEW})
    else:
        owner = sign_in(client, "ada")
        body = {"password": PASSWORD, "new_password": NEW}
        answer = client.put(f"{ACCOUNT}/password", json=body, headers=owner.headers)
    assert answer.status_code == 204
    client.cookies.clear()
    assert client.post(f"{ACCOUNT}/confirmation", json={"token": theirs}).status_code == 410
    assert stored("ada").email == "ada@example.org"


def test_address_that_an_account_had_before_is_told_of_the_new_one(client):
    confirmed(client, "ada", "ada@example.org")
    browser = sign_in(client, "ada")
    for _ in range(2):  # the same address again is no news
        client.post(
            f"{ACCOUNT}/email",
            json={"email": "new@example.org", "password": PASSWORD},
            headers=browser.headers,
        )
        token = mailed_token()
        assert client.post(
            f"{ACCOUNT}/confirmation", json={"token": token}, headers=browser.headers
        ).is_success
    told = [mail for mail in mails() if mail.subject == "Your e-mail address was changed"]
    assert [mail.to for mail in told] == ["ada@example.org"]
    assert "new@example.org" not in told[0].body  # whoever reads this one need not know it


def test_confirmations_asked_for_by_others_keep_no_reset_from_the_owner(client):
    confirmed(client, "ada", "ada@example.org")
    register(client, "eve")
    eve = sign_in(client, "eve")
    for _ in range(6):
        client.post(
            f"{ACCOUNT}/email", json={"email": "ada@example.org", "password": PASSWORD}, headers=eve.headers
        )
    client.cookies.clear()
    client.post(f"{ACCOUNT}/reset-request", json={"login": "ada"})
    assert (mails()[-1].to, mails()[-1].subject) == ("ada@example.org", "A new password")
