"""The pages around accounts as text: forms that work without scripts, and where they lead."""

import re
from urllib.parse import quote

import pytest
from sqlalchemy import select

from core import db
from core.models import Mail, User
from tests.support.api import PASSWORD, register, sign_in

NEW = "quite another sentence"


def token_of(page):
    return re.search(r'name="csrf_token" value="([0-9a-f]{64})"', page.text)[1]


def submit(client, path, **fields):
    return client.post(path, data=fields, follow_redirects=False)


def newest_link():
    with db.reading() as session:
        body = session.scalars(select(Mail.body).order_by(Mail.created_at.desc())).first()
    return re.search(r"http://127\.0\.0\.1:8000(/\S+)", body)[1]


@pytest.fixture
def ann(client):
    """Somebody who is signed in; the token of their forms."""
    register(client, "ann")
    sign_in(client, "ann")
    return token_of(client.get("/account"))


def test_register_signs_in_and_leads_to_the_account(client):
    answer = submit(client, "/register", name="ann", password=PASSWORD, email="ann@example.org")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    page = client.get("/account")
    assert page.headers["cache-control"] == "no-store"
    assert "<h1>ann</h1>" in page.text
    assert 'href="/account">ann</a>' in page.text
    assert "No address is confirmed" in page.text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "taken"}, 409, "already; take another name"),
        ({"name": "<b>"}, 422, "2 to 40 characters"),
        ({"password": "short"}, 422, "12 to 1024"),
        ({"email": '"><script>'}, 422, "no e-mail address"),
    ],
)
def test_register_refused_says_why_and_keeps_what_was_written(client, fields, status, words):
    register(client, "taken")
    answer = submit(
        client, "/register", **({"name": "ann", "password": PASSWORD, "email": "a@b.org"} | fields)
    )
    assert answer.status_code == status
    assert words in answer.text
    assert PASSWORD not in answer.text
    assert "<script>" not in answer.text.replace('<script src="/static', "")
    assert "set-cookie" not in answer.headers


def test_page_for_those_signed_in_sends_to_sign_in_and_back(client):
    answer = client.get("/account?done=email", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Faccount%3Fdone%3Demail",
    )
    assert "www-authenticate" not in answer.headers
    page = client.get(answer.headers["location"])
    assert 'name="next" value="/account?done=email"' in page.text
    register(client, "ann")
    entered = submit(client, "/sign-in", login="ann", password=PASSWORD, next="/account?done=email")
    assert entered.headers["location"] == "/account?done=email"


def test_form_sent_without_a_session_leads_to_sign_in_alone(client):
    answer = submit(client, "/account/delete", password=PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_htmx_without_a_session_loads_the_sign_in_page_whole(client):
    answer = client.get("/account", headers={"HX-Request": "true"}, follow_redirects=False)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/sign-in?next=%2Faccount"


def test_program_that_asks_for_a_page_is_refused_and_not_sent_elsewhere(client, ada):
    assert client.get("/account", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get("/account", headers=ada.headers, follow_redirects=False).status_code == 403


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/a\\b",
        "/\u2028",
    ],
)
def test_next_leads_to_no_other_site(client, target):
    register(client, "ann")
    answer = submit(client, "/sign-in", login="ann", password=PASSWORD, next=target)
    assert answer.headers["location"] == "/"
    shown = client.get(f"/sign-in?next={quote(target)}").text
    assert 'name="next" value="/"' in shown


def test_sign_in_refused_says_the_same_of_everybody(client):
    register(client, "ann")
    pages = [
        submit(client, "/sign-in", login=login, password="not the right one") for login in ("ann", "bob")
    ]
    assert {page.status_code for page in pages} == {401}
    assert pages[0].text.replace('value="ann"', "") == pages[1].text.replace('value="bob"', "")


def test_throttled_page_says_when_to_come_back(client):
    for _ in range(10):
        submit(client, "/sign-in", login="ann", password="not the right one")
    answer = submit(client, "/sign-in", login="ann", password="not the right one")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 800
    assert "Try again in 15 minutes" in answer.text


def test_sign_out_ends_the_session_and_needs_the_forms_token(client, ann):
    cookie = client.cookies.get("lethe")
    assert submit(client, "/sign-out").status_code == 403
    assert submit(client, "/sign-out", csrf_token=ann).headers["location"] == "/"
    assert client.cookies.get("lethe") is None
    assert client.get("/api/v1/session", headers={"Cookie": f"lethe={cookie}"}).status_code == 401
    assert submit(client, "/sign-out").status_code == 303  # twice does no harm


def test_token_is_made_shown_once_and_revoked(client, ann):
    fields = {"csrf_token": ann, "name": " my laptop ", "scopes": ["read", "submit"], "days": "30"}
    page = client.post("/account/tokens", data=fields)
    text = re.search(r'value="(lethe_[\w-]{43})"', page.text)[1]
    assert page.headers["cache-control"] == "no-store"
    listed = client.get("/account").text
    assert "my laptop" in listed
    assert text not in listed
    assert client.get("/api/v1/tokens", headers={"Authorization": f"Bearer {text}"}).status_code == 200
    revoke = re.search(r'action="(/account/tokens/[\w-]+/revoke)"', listed)[1]
    assert submit(client, revoke, csrf_token=ann).headers["location"] == "/account?done=revoked"
    assert client.get("/api/v1/tokens", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_token_without_a_scope_is_refused_on_the_page(client, ann):
    answer = submit(client, "/account/tokens", csrf_token=ann, name="x")
    assert answer.status_code == 422
    assert "at least one scope" in answer.text


def test_password_and_address_are_changed_on_the_page(client, ann):
    wrong = submit(client, "/account/password", csrf_token=ann, password="not it, really", new_password=NEW)
    assert wrong.status_code == 401
    assert "The password is wrong." in wrong.text
    done = submit(client, "/account/password", csrf_token=ann, password=PASSWORD, new_password=NEW)
    assert done.headers["location"] == "/account?done=password"
    assert submit(client, "/account/email", csrf_token=ann, email="x").status_code == 422
    address = {"csrf_token": ann, "email": "ann@example.org"}
    for without in ({}, {"password": PASSWORD}):  # that was the old one
        assert submit(client, "/account/email", **address, **without).status_code == 401
    sent = submit(client, "/account/email", **address, password=NEW)
    assert "A link is on its way" in client.get(sent.headers["location"]).text


def test_link_in_a_mail_confirms_only_when_the_button_is_pressed(client, ann):
    submit(client, "/account/email", csrf_token=ann, email="ann@example.org", password=PASSWORD)
    link = newest_link()
    for _ in range(2):  # a program that looks at links
        page = client.get(link)
        assert page.headers["cache-control"] == "no-store"
    client.cookies.clear()  # the mail may be read elsewhere
    assert "now belongs to the account ann" in submit(client, link).text
    assert submit(client, link).status_code == 410


def test_forgotten_password_is_replaced_by_way_of_the_mail(client):
    register(client, "ann")
    with db.transaction() as session:
        session.scalars(select(User)).one().email = "ann@example.org"
    pages = [submit(client, "/reset", login=login) for login in ("ann", "nobody")]
    assert pages[0].content == pages[1].content
    link = newest_link()
    page = client.get(link)
    assert page.headers["referrer-policy"] == "same-origin"
    assert link.split("/")[-1] not in page.text  # the form goes to where it is
    assert submit(client, link, password="short").status_code == 422
    assert "Sign in with it." in submit(client, link, password=NEW).text
    assert client.get(link).status_code == 410
    assert submit(client, "/sign-in", login="ann", password=NEW).status_code == 303


def test_account_is_deleted_on_the_page(client, ann):
    assert submit(client, "/account/delete", csrf_token=ann, password="no, not this one").status_code == 401
    answer = submit(client, "/account/delete", csrf_token=ann, password=PASSWORD)
    assert answer.headers["location"] == "/"
    assert client.get("/account", follow_redirects=False).status_code == 303


def test_header_says_who_is_signed_in_on_every_page(client, competition, ann):
    for path in ("/", "/competitions/faces/phases/check/leaderboard"):
        page = client.get(path)
        assert 'href="/account">ann</a>' in page.text
        assert "Cookie" in page.headers["vary"]
        assert page.text.count(f'value="{ann}"') == 1
    client.cookies.clear()
    assert 'href="/sign-in"' in client.get("/").text


def test_unknown_message_is_not_shown(client, ann):
    assert "evil" not in client.get("/account?done=evil").text


def test_signed_in_admin_sees_the_admins_pages(client, ann):
    assert client.get("/organizers/workers").status_code == 403
    with db.transaction() as session:
        session.scalars(select(User)).one().is_admin = True
    assert client.get("/organizers/workers").status_code == 200
