"""Signing in by OpenID Connect, against a provider on loopback that is honest, or is not."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from structlog.testing import capture_logs

from core import db, identities
from core.errors import LastSignInError
from core.models import Identity, Mail, User, WebSession
from core.settings import get_settings
from tests.support.api import on_both_databases, register, sign_in
from tests.support.openid_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    elliptic_key,
    openid_provider,
    other_key,
)

START = "/sign-in/openid"


@pytest.fixture
def provider(database, monkeypatch):
    with openid_provider() as provider:
        provider.claims = {"sub": "s-1", "preferred_username": "Ada Lovelace"}
        for name, value in {
            "OIDC_ISSUER": provider.url,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_LABEL": "the university",
            "PUBLIC_URL": "http://testserver",
        }.items():
            monkeypatch.setenv(f"LETHE_{name}", value)
        get_settings.cache_clear()
        yield provider


def leave(client, path=START):
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303
    return answer.headers["location"]


def come_back(client, address):
    return client.get(address.removeprefix("http://testserver"), follow_redirects=False)


def walk(client, provider, path=START):
    return come_back(client, provider.authorize(leave(client, path)))


def who(client):
    answer = client.get("/api/v1/session")
    return answer.json()["account"]["name"] if answer.status_code == 200 else None


@on_both_databases
def test_first_visit_makes_an_account_and_later_ones_find_it(client, provider):
    answer = walk(client, provider, f"{START}?next=/competitions/faces")
    assert (answer.status_code, answer.headers["location"]) == (303, "/competitions/faces")
    assert who(client) == "Ada-Lovelace"
    assert "lethe-openid" not in client.cookies
    client.cookies.clear()
    provider.claims["preferred_username"] = "renamed"
    walk(client, provider)
    assert who(client) == "Ada-Lovelace"
    with db.reading() as session:
        user = session.scalars(select(User)).one()
        identity = session.scalars(select(Identity)).one()
    assert (user.email, user.password_hash, user.is_admin) == (None, None, False)
    assert (identity.issuer, identity.subject) == (provider.url, "s-1")


@pytest.mark.parametrize(
    ("claims", "email"),
    [
        ({"email": "Ada@Example.org", "email_verified": True}, "ada@example.org"),
        ({"email": "ada@example.org", "email_verified": False}, None),
        ({"email": "ada@example.org", "email_verified": "true"}, None),
        ({"email": "ada@example.org"}, None),
        ({"email": "no address", "email_verified": True}, None),
    ],
)
def test_address_is_taken_over_only_if_the_provider_has_verified_it(client, provider, claims, email):
    provider.claims |= claims
    walk(client, provider)
    with db.reading() as session:
        assert session.scalars(select(User.email)).one() == email


@pytest.mark.parametrize("verified", [True, False])
def test_account_with_the_same_address_is_not_entered(client, provider, verified):
    register(client, "ada")
    with db.transaction() as session:
        session.scalars(select(User)).one().email = "ada@example.org"
    provider.claims |= {"email": "ada@example.org", "email_verified": verified}
    walk(client, provider)
    assert who(client) == "Ada-Lovelace"
    with db.reading() as session:
        assert session.scalars(select(User.name).where(User.email == "ada@example.org")).all() == ["ada"]


@pytest.mark.parametrize("name", ["Ada Lovelace", "ADA-LOVELACE", "", "🙂", "x" * 500, "deleted-1", 7, None])
def test_name_is_made_fit_and_never_somebody_elses(client, provider, name):
    register(client, "ada-lovelace")
    provider.claims["preferred_username"] = name
    walk(client, provider)
    with db.reading() as session:
        names = set(session.scalars(select(User.name)))
    assert len(names) == 2
    assert who(client) in names - {"ada-lovelace"}


def tampered(**changes):
    def change(provider):
        provider.claims |= changes

    return change


def signed_by_another(provider):
    provider.published, provider.key = provider.key, other_key()


def not_signed_as_published(provider):
    provider.published, provider.key, provider.algorithm = provider.key, elliptic_key(), "ES256"


def keyed_with_the_public_key(provider):
    provider.algorithm = "HS256"


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (tampered(iss="https://elsewhere.example"), "InvalidClaimError"),
        (tampered(aud="another-client"), "InvalidClaimError"),
        (tampered(aud=[CLIENT_ID, "another-client"]), "azp"),
        (tampered(azp="another-client"), "azp"),
        (tampered(nonce="another"), "nonce"),
        (tampered(nonce=None), "nonce"),
        (tampered(exp=int(time.time()) - 3600), "ExpiredTokenError"),
        (tampered(sub=None), "sub"),
        (tampered(sub=""), "sub"),
        (tampered(sub="x" * 256), "sub"),
        (tampered(sub=7), "sub"),
        (tampered(at_hash="another"), "at_hash"),
        (signed_by_another, "BadSignatureError"),
        (not_signed_as_published, "InvalidKeyTypeError"),
        (keyed_with_the_public_key, "Algorithm"),
    ],
)
def test_answer_that_is_not_the_providers_for_us_and_now_opens_nothing(client, provider, lie, reason):
    lie(provider)
    with capture_logs() as logs:
        answer = walk(client, provider)
    assert answer.status_code == 400
    assert "did not vouch" in answer.text
    (event,) = [event for event in logs if event["event"] == "openid_failed"]
    assert reason in event["error"]
    assert who(client) is None
    with db.reading() as session:
        assert session.scalars(select(User)).all() == []


def test_state_of_another_browser_opens_nothing(client, provider, application):
    """An attacker's own way back, sent to a victim, would sign the victim in as the attacker."""
    back = provider.authorize(leave(client))
    with TestClient(application, raise_server_exceptions=False) as victim:
        assert come_back(victim, back).status_code == 400
        leave(victim)
        assert come_back(victim, back).status_code == 400
        assert who(victim) is None
    assert provider.token_requests == []


def test_code_works_once_and_only_with_the_verifier(client, provider):
    back = provider.authorize(leave(client))
    assert come_back(client, back).status_code == 303
    client.cookies.clear()
    assert come_back(client, back).status_code == 400
    (request,) = provider.token_requests
    assert len(request["code_verifier"]) >= 43
    stolen = parse_qs(urlsplit(provider.authorize(leave(client))).query)["code"][0]
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    assert client.get(f"{START}/callback?code={stolen}&state={state}").status_code == 400


@pytest.mark.parametrize("query", ["", "?error=denied&state={state}", "?state={state}", "?state=ä&code=x"])
def test_coming_back_with_nothing_opens_nothing(client, provider, query):
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    assert client.get(f"{START}/callback{query.format(state=state)}").status_code == 400
    assert who(client) is None


@pytest.mark.parametrize("cookie", ["", "zz", "7b7d", "5b5d", "22", "ff"])
def test_cookie_that_is_none_of_ours_is_refused(client, provider, cookie):
    client.cookies.set("lethe-openid", cookie)
    assert client.get(f"{START}/callback?code=x&state=y").status_code == 400


def test_link_needs_the_sessions_own_token(client, provider):
    register(client, "bob")
    browser = sign_in(client, "bob")
    assert client.get(f"{START}?link=guess", follow_redirects=False).status_code == 403
    answer = walk(client, provider, f"{START}?link={browser.headers['X-CSRF-Token']}")
    assert answer.headers["location"] == "/account?done=linked"
    client.cookies.clear()
    walk(client, provider)
    assert who(client) == "bob"
    assert "You can sign in with the university." in client.get("/account").text


def test_identity_of_another_account_cannot_be_linked(client, provider):
    walk(client, provider)
    client.cookies.clear()
    register(client, "bob")
    browser = sign_in(client, "bob")
    answer = walk(client, provider, f"{START}?link={browser.headers['X-CSRF-Token']}")
    assert answer.status_code == 400


def test_signing_in_replaces_the_session_that_was_there(client, provider):
    register(client, "eve")
    sign_in(client, "eve")
    planted = client.cookies.get("lethe")
    walk(client, provider)
    assert who(client) == "Ada-Lovelace"
    client.cookies.clear()
    assert client.get("/api/v1/session", headers={"Cookie": f"lethe={planted}"}).status_code == 401


@pytest.mark.parametrize("next_", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil"])
def test_way_back_is_never_to_another_site(client, provider, next_):
    answer = walk(client, provider, f"{START}?{urlencode({'next': next_})}")
    assert answer.headers["location"] == "/"


def test_provider_that_does_not_answer_is_said_so(client, provider, monkeypatch):
    monkeypatch.setenv("LETHE_OIDC_ISSUER", "http://127.0.0.1:1")
    get_settings.cache_clear()
    assert client.get(START, follow_redirects=False).status_code == 400


def test_without_a_provider_there_is_no_such_way(client):
    assert client.get(START, follow_redirects=False).status_code == 404
    assert "openid" not in client.get("/sign-in").text


def identities_of(client):
    return client.get("/api/v1/account/identities").json()["identities"]


def linked_account(client, provider):
    """Return the browser of an account with a password and one identity, and that identity."""
    register(client, "bob")
    browser = sign_in(client, "bob")
    walk(client, provider, f"{START}?link={browser.headers['X-CSRF-Token']}")
    (identity,) = identities_of(client)
    return browser, identity


def unlink(browser, identity):
    path = f"/api/v1/account/identities/{identity['id']}"
    return browser.client.delete(path, headers=browser.headers)


def test_account_is_linked_only_by_who_began_it_and_its_owner_is_told(client, provider):
    register(client, "bob")
    with db.transaction() as session:
        session.scalars(select(User)).one().email = "bob@example.org"
    register(client, "eve")
    began = f"{START}?link={sign_in(client, 'bob').headers['X-CSRF-Token']}"
    address = provider.authorize(leave(client, began))
    sign_in(client, "eve")
    assert come_back(client, address).status_code == 400
    assert identities_of(client) == []
    token = sign_in(client, "bob").headers["X-CSRF-Token"]
    assert walk(client, provider, f"{START}?link={token}").is_redirect
    assert len(identities_of(client)) == 1
    with db.reading() as session:
        (told,) = session.scalars(select(Mail)).all()
    assert (told.to, told.subject) == ("bob@example.org", "A new way to sign in")
    assert "as s-1." in told.body


def test_unlinked_identity_signs_in_to_the_account_no_longer(client, provider):
    browser, identity = linked_account(client, provider)
    assert (identity["issuer"], identity["subject"]) == (provider.url, "s-1")
    other = {"Cookie": f"lethe={client.cookies.get('lethe')}"}
    browser = sign_in(client, "bob")
    assert unlink(browser, identity).status_code == 204
    assert (who(client), identities_of(client)) == ("bob", [])
    assert unlink(browser, identity).status_code == 404
    client.cookies.clear()
    assert client.get("/api/v1/session", headers=other).status_code == 401  # perhaps the identity's own
    walk(client, provider)
    assert who(client) == "Ada-Lovelace"


def test_only_way_to_sign_in_stays_and_the_page_says_what_to_do(client, provider):
    walk(client, provider)
    (identity,) = identities_of(client)
    page = client.get("/account")
    assert provider.url in page.text
    token = client.get("/api/v1/session").json()["csrf_token"]
    answer = client.post(f"/account/identities/{identity['id']}/unlink", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "Set a password first" in answer.text
    refused = client.delete(f"/api/v1/account/identities/{identity['id']}", headers={"X-CSRF-Token": token})
    assert refused.json()["type"] == "urn:lethe:problem:last-sign-in"
    assert len(identities_of(client)) == 1


def test_identity_of_a_provider_that_was_replaced_is_no_way_to_sign_in(client, provider):
    walk(client, provider)
    with db.transaction() as session:
        user = session.scalars(select(User)).one()
        session.add(Identity(user_id=user.id, issuer="https://old.example", subject="s"))
    old, now = sorted(identities_of(client), key=lambda one: one["issuer"] == provider.url)
    headers = {"X-CSRF-Token": client.get("/api/v1/session").json()["csrf_token"]}
    assert client.delete(f"/api/v1/account/identities/{now['id']}", headers=headers).status_code == 409
    assert client.delete(f"/api/v1/account/identities/{old['id']}", headers=headers).status_code == 204


def test_unlinking_on_the_page_says_that_it_is_done(client, provider):
    browser, identity = linked_account(client, provider)
    token = browser.headers["X-CSRF-Token"]
    answer = client.post(f"/account/identities/{identity['id']}/unlink", data={"csrf_token": token})
    assert answer.status_code == 200
    assert "That identity signs in here no longer." in answer.text
    assert "from now on</a>" in answer.text


@on_both_databases
def test_of_two_identities_that_go_at_once_one_stays(client, provider, monkeypatch):
    walk(client, provider)
    with db.transaction() as session:
        user = session.scalars(select(User)).one()
        session.add(Identity(user_id=user.id, issuer=provider.url, subject="s-2"))
        session_id = session.scalars(select(WebSession.id)).one()
    with db.reading() as session:
        linked = identities.list_linked(session, user.id)

    meeting, seen = Barrier(2), identities.list_linked

    def seen_together(session, user_id):
        found = seen(session, user_id)
        with suppress(BrokenBarrierError):  # as it is to be: the other one waits for this one to end
            meeting.wait(0.3)
        return found

    def go(identity):
        try:
            identities.unlink(user, identity.id, session_id=session_id)
        except LastSignInError:
            return False
        return True

    monkeypatch.setattr(identities, "list_linked", seen_together)
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, linked)) == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        '{"state": 1, "nonce": "", "verifier": "", "next": "/", "links": ""}',
        '{"state": "\\ud800", "nonce": "", "verifier": "", "next": "/", "links": ""}',
        "[" * 20_000,
    ],
    ids=["number", "surrogate", "deep"],
)
def test_cookie_that_nobody_gave_is_refused(client, provider, text):
    client.cookies.set("lethe-openid", text.encode().hex())
    assert client.get(f"{START}/callback?state=1&code=x", follow_redirects=False).status_code == 400
