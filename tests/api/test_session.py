"""Sessions of browsers: equal answers, throttling, cookies, fixation, and requests that others forge."""

from datetime import timedelta

import pytest
import time_machine
from fastapi.testclient import TestClient
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import select

from core import db, passwords
from core.models import User, WebSession, utc_now
from core.settings import get_settings
from tests.support.api import PASSWORD, on_both_databases, register, sign_in

SESSION = "/api/v1/session"
TOKENS = "/api/v1/tokens"


def attempt(client, login, password="not the right one", **options):
    return client.post(SESSION, json={"login": login, "password": password}, **options)


@pytest.fixture
def https(monkeypatch):
    monkeypatch.setenv("LETHE_PUBLIC_URL", "https://lethe.example")
    get_settings.cache_clear()


@on_both_databases
def test_session_says_who_it_is_and_ends(client, database):
    register(client, "ada")
    browser = sign_in(client, "ada")
    session = client.get(SESSION).json()
    assert session["account"]["name"] == "ada"
    assert session["scopes"] == ["admin", "organize", "read", "submit"]
    assert session["csrf_token"] == browser.headers["X-CSRF-Token"]
    cookie = client.cookies.get("lethe")
    assert client.delete(SESSION, headers=browser.headers).status_code == 204
    assert client.cookies.get("lethe") is None
    assert client.get(SESSION, headers={"Cookie": f"lethe={cookie}"}).status_code == 401


@on_both_databases
def test_unknown_user_and_wrong_password_answer_alike_after_the_same_work(client, database, ada, monkeypatch):
    register(client, "bob")
    calls = []
    real = passwords.hasher.verify_and_update

    def count(password, stored):
        calls.append(stored.split("$")[3])
        return real(password, stored)

    monkeypatch.setattr(passwords.hasher, "verify_and_update", count)
    # bob has a password, ada has none, nobody and nobody@example.org do not exist.
    answers = [attempt(client, login) for login in ("bob", "ada", "nobody", "nobody@example.org", "\0", "")]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert len(calls) == len(answers)
    assert len(set(calls)) == 1


def test_deleted_and_passwordless_accounts_cannot_sign_in(client, ada):
    assert attempt(client, "ada", "").status_code == 401
    assert attempt(client, "ada", "nobody's password").status_code == 401


def test_wrong_passwords_of_an_account_are_throttled_and_the_right_one_starts_anew(client):
    register(client, "ada")
    for _ in range(9):
        assert attempt(client, "ada").status_code == 401
    sign_in(client, "ada")
    client.cookies.clear()
    for login in ("ada", "ADA", "aDa", *["ada"] * 7):
        assert attempt(client, login).status_code == 401
    answer = attempt(client, "ada", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert answer.json()["type"] == "urn:lethe:problem:rate-limited"
    assert attempt(client, "bob").status_code == 401
    with time_machine.travel(utc_now() + timedelta(minutes=15, seconds=1)):
        sign_in(client, "ada")


def test_throttle_tells_nothing_of_who_exists(client):
    register(client, "ada")
    answers = {}
    for login in ("ada", "nobody"):
        answers[login] = [
            (one.status_code, one.content) for one in (attempt(client, login) for _ in range(11))
        ]
    assert answers["ada"] == answers["nobody"]


def test_wrong_passwords_from_one_address_are_throttled(client):
    register(client, "ada")
    for number in range(50):
        assert attempt(client, f"user-{number}").status_code == 401
    assert attempt(client, "ada", PASSWORD).status_code == 429


def test_address_is_the_one_that_our_proxies_vouch_for(client, monkeypatch):
    monkeypatch.setenv("LETHE_TRUSTED_PROXIES", "1")
    get_settings.cache_clear()
    for number in range(50):
        # The client may write what it likes: only the last entry is our proxy's.
        forged = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.7"}
        assert attempt(client, f"user-{number}", headers=forged).status_code == 401
    blocked = {"X-Forwarded-For": "192.0.2.1, 198.51.100.7"}
    assert attempt(client, "ada", headers=blocked).status_code == 429
    assert attempt(client, "ada", headers={"X-Forwarded-For": "198.51.100.8"}).status_code == 401


def test_forwarded_address_counts_for_nothing_without_proxies(client):
    for number in range(50):
        attempt(client, f"user-{number}", headers={"X-Forwarded-For": f"198.51.100.{number}"})
    assert attempt(client, "ada", headers={"X-Forwarded-For": "203.0.113.1"}).status_code == 429


def test_cookie_over_http_is_for_this_site_and_no_script(client):
    register(client, "ada")
    cookie = attempt(client, "ada", PASSWORD).headers["set-cookie"]
    name, *attributes = cookie.split("; ")
    assert name.startswith("lethe=")
    assert {one.lower() for one in attributes} == {"httponly", "path=/", "samesite=lax", "max-age=1209600"}


def test_cookie_over_https_is_for_this_host_over_tls(client, https):
    register(client, "ada")
    cookie = attempt(client, "ada", PASSWORD).headers["set-cookie"]
    assert cookie.startswith("__Host-lethe=")
    attributes = {one.lower() for one in cookie.split("; ")[1:]}
    assert attributes == {"httponly", "path=/", "samesite=lax", "secure", "max-age=1209600"}
    value = cookie.split(";")[0].removeprefix("__Host-lethe=")
    assert client.get(SESSION, headers={"Cookie": f"__Host-lethe={value}"}).status_code == 200
    # A name that a neighbour could set is not looked at.
    assert client.get(SESSION, headers={"Cookie": f"lethe={value}"}).status_code == 401


def test_signing_in_gives_a_new_cookie_and_the_old_one_is_worth_nothing(client, application):
    register(client, "eve")
    register(client, "ada")
    sign_in(client, "eve")
    planted = client.cookies.get("lethe")
    with TestClient(application, cookies={"lethe": planted}) as victim:
        page = victim.get("/sign-in").text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"login": "ada", "password": PASSWORD, "csrf_token": token}
        assert victim.post("/sign-in", data=form, follow_redirects=False).status_code == 303
        assert victim.cookies.get("lethe", domain="testserver.local") != planted
    client.cookies.clear()
    assert client.get(SESSION, headers={"Cookie": f"lethe={planted}"}).status_code == 401
    sign_in(client, "ada")
    first = client.cookies.get("lethe")
    client.cookies.clear()
    sign_in(client, "ada")
    assert client.cookies.get("lethe") != first


def test_cookie_that_nobody_gave_opens_nothing_and_is_never_adopted(client):
    register(client, "ada")
    client.cookies.set("lethe", "chosen-by-an-attacker")
    assert client.get(SESSION).status_code == 401
    assert client.get("/").status_code == 200
    answer = attempt(client, "ada", PASSWORD)
    assert "chosen-by-an-attacker" not in answer.headers["set-cookie"]


@on_both_databases
def test_session_ends_after_fourteen_days_and_its_row_goes(client, database):
    register(client, "ada")
    sign_in(client, "ada")
    cookie = {"Cookie": f"lethe={client.cookies.get('lethe')}"}
    client.cookies.clear()
    with time_machine.travel(utc_now() + timedelta(days=14, seconds=-5)):
        assert client.get(SESSION, headers=cookie).status_code == 200
    with time_machine.travel(utc_now() + timedelta(days=14, seconds=1)):
        assert client.get(SESSION, headers=cookie).status_code == 401
        sign_in(client, "ada")
    with db.reading() as session:
        assert len(session.scalars(select(WebSession)).all()) == 1


def test_cookie_is_stored_as_a_hash(client):
    register(client, "ada")
    sign_in(client, "ada")
    with db.reading() as session:
        row = session.scalars(select(WebSession)).one()
    assert client.cookies.get("lethe") not in (row.token_sha256, str(row.id))


def test_hash_of_older_parameters_is_replaced_at_sign_in(client):
    register(client, "ada")
    older = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=8, parallelism=1),)).hash(PASSWORD)
    with db.transaction() as session:
        session.scalars(select(User)).one().password_hash = older
    sign_in(client, "ada")
    client.cookies.clear()
    with db.reading() as session:
        assert ",t=1," in session.scalars(select(User)).one().password_hash
    sign_in(client, "ada")


MADE = {"name": "t", "scopes": ["read"]}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 201),
        ({"Origin": None}, 201),  # a program
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"X-CSRF-Token": None}, 403),
        ({"X-CSRF-Token": ""}, 403),
        ({"X-CSRF-Token": "0" * 64}, 403),
        ({"X-CSRF-Token": "ä"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://testserver.evil.example"}, 403),
        ({"Origin": "https://testserver"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
    ],
)
def test_request_with_a_cookie_comes_from_our_own_pages(client, changes, status):
    register(client, "ada")
    headers = {**sign_in(client, "ada").headers, **changes}
    headers = {name: value.encode() for name, value in headers.items() if value is not None}
    answer = client.post(TOKENS, json=MADE, headers=headers)
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["type"] == "urn:lethe:problem:cross-site"


def test_behind_https_only_the_public_address_is_ours(client, https):
    register(client, "ada")
    cookie = attempt(client, "ada", PASSWORD)
    value = cookie.headers["set-cookie"].split(";")[0]
    headers = {"Cookie": value, "X-CSRF-Token": cookie.json()["csrf_token"]}
    for origin, status in (
        ("https://lethe.example", 201),
        ("http://testserver", 403),
        ("http://lethe.example", 403),
    ):
        answer = client.post(TOKENS, json=MADE, headers={**headers, "Origin": origin})
        assert answer.status_code == status


def test_csrf_token_of_another_session_is_no_good(client):
    register(client, "ada")
    first = sign_in(client, "ada").headers
    client.cookies.clear()
    sign_in(client, "ada")
    assert client.post(TOKENS, json=MADE, headers=first).status_code == 403


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_form_of_another_site_changes_nothing(client, content_type):
    """What a page elsewhere can make a browser send without asking: a form, with the cookie."""
    register(client, "ada")
    sign_in(client, "ada")
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    content = "password=a+few+quiet+words&csrf_token=guess"
    if content_type.startswith("multipart"):
        content = (
            '--b\r\nContent-Disposition: form-data; name="password"\r\n\r\na few quiet words\r\n--b--\r\n'
        )
    for path in ("/account/delete", "/sign-out", "/api/v1/account/deletion"):
        answer = client.post(path, content=content, headers={**headers, "Content-Type": content_type})
        assert answer.status_code == 403
        old_browser = client.post(path, content=content, headers={"Content-Type": content_type})
        assert old_browser.status_code == 403
    assert client.get(SESSION).status_code == 200


def test_another_site_cannot_sign_somebody_in(client):
    register(client, "eve")
    form = {"login": "eve", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.post("/sign-in", data=form, headers=headers).status_code == 403
    assert client.cookies.get("lethe") is None


def test_request_with_a_token_ignores_the_cookie(client, ada):
    register(client, "bob")
    sign_in(client, "bob")
    answer = client.get(SESSION, headers=ada.headers).json()
    assert (answer["account"]["name"], answer["csrf_token"]) == ("ada", "")
    # Neither the cookie's rights nor its token come in: no form of another site has this header.
    assert client.delete("/api/v1/tokens/current", headers=ada.headers).status_code == 204
    assert client.get(SESSION, headers=ada.headers).status_code == 401


def test_strangers_who_guess_keep_nobody_who_is_signed_in_from_a_new_password(client):
    register(client, "ada")
    browser = sign_in(client, "ada")
    cookies = dict(client.cookies)
    client.cookies.clear()
    for _ in range(11):
        last = client.post("/api/v1/session", json={"login": "ada", "password": "not the right one"})
    assert last.status_code == 429
    client.cookies.update(cookies)
    body = {"password": PASSWORD, "new_password": "quite another sentence"}
    assert client.put("/api/v1/account/password", json=body, headers=browser.headers).status_code == 204
