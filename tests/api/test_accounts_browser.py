"""Registering, signing in and using the account page in a real browser, with and without scripts."""

import re
import time

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from core import db
from core.models import Mail, User
from tests.support.api import PASSWORD, register
from tests.support.browsing import chromium, spotless_page
from tests.support.serving import served

pytestmark = pytest.mark.browser

ADDRESS = "ann@example.org"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(application, client):
    with served(application) as address:
        yield address


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(request, browser, address):
    with spotless_page(browser, address, java_script_enabled=request.param) as page:
        yield page


def fill(page, **fields):
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=False).first.fill(value)


def newest_link(subject):
    """Return where a mail leads; it is written after the page that speaks of it was sent."""
    query = select(Mail.body).where(Mail.subject == subject).order_by(Mail.created_at.desc())
    deadline, body = time.monotonic() + 10, None
    while body is None and time.monotonic() < deadline:
        with db.reading() as session:
            body = session.scalars(query).first()
    return re.search(r"http://127\.0\.0\.1:8000(/\S+)", body)[1]


def test_somebody_registers_signs_out_and_in_and_makes_a_token(page, address):
    page.goto("/account")
    expect(page).to_have_title("Sign in · Lethe")
    page.get_by_role("navigation").get_by_role("link", name="Register").click()
    fill(page, Name="ann", Password=PASSWORD)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", name="ann")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.goto("/account")
    fill(page, Name="ann", Password=PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{address}/account")
    page.get_by_label("Name of a new token").fill("laptop")
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("Your new token").input_value()
    answer = page.request.get(
        f"{address}/api/v1/session", headers={"Authorization": f"Bearer {token}", "Cookie": ""}
    )
    assert answer.json()["scopes"] == ["read", "submit"]
    page.get_by_role("button", name="Revoke laptop").click()
    expect(page.get_by_role("status")).to_have_text("The token is revoked.")


def test_forgotten_password_is_replaced_from_a_mail(page, client):
    register(client, "ann")
    with db.transaction() as session:
        session.scalars(select(User)).one().email = ADDRESS
    page.goto("/sign-in")
    page.get_by_role("link", name="Forgotten your password?").click()
    page.get_by_label("Name or e-mail address").fill(ADDRESS)
    page.get_by_role("button", name="Send the link").click()
    expect(page.get_by_role("status")).to_contain_text("a mail is on its way")
    page.goto(newest_link("A new password"))
    page.get_by_label("New password").fill("quite another sentence")
    page.get_by_role("button", name="Set the password").click()
    page.get_by_label("Name or e-mail address").fill("ann")
    page.get_by_label("Password").fill("quite another sentence")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="ann")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 820])
def test_pages_fit_every_width(browser, address, client, width):
    register(client, "x" * 40)
    with spotless_page(browser, address) as page:
        page.set_viewport_size({"width": width, "height": 900})
        for path in ("/sign-in", "/register", "/reset", "/confirm/x"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        page.goto("/sign-in?next=/account")
        fill(page, Name="x" * 40, Password=PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("Name of a new token").fill("y" * 64)
        page.get_by_role("button", name="Make the token").click()
        expect(page.get_by_text("y" * 64)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_form_of_another_site_is_refused_by_what_the_browser_says(browser, address, client):
    """The attack itself: a page elsewhere sends a form with the victim's cookie."""
    register(client, "ann")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    fill(page, Name="ann", Password=PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    form = f'<form method="post" action="{address}/sign-out"><button>Win a prize</button></form>'
    page.route("http://evil.test/", lambda route: route.fulfill(body=form, content_type="text/html"))
    page.goto("http://evil.test/")
    with page.expect_response(f"{address}/sign-out") as answer:
        page.get_by_role("button").click()
    assert answer.value.status == 403
    page.goto(f"{address}/")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    context.close()
