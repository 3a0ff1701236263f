"""The leaderboard page in a real browser, served by a real server."""

from uuid import UUID

import pytest
from playwright.sync_api import expect

from core import db, submissions
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import Score
from tests.support.api import PHASE, add_baselines, add_finished, run_all
from tests.support.browsing import chromium, spotless_page
from tests.support.competition import HONEST, numbers
from tests.support.serving import served

pytestmark = pytest.mark.browser

PAGE = "/competitions/faces/phases/check/leaderboard"
HOSTILE = "<script>alert(1)</script>"
POLL_TIMEOUT_MS = 15_000


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(application, client):
    with served(application) as address:
        yield address


@pytest.fixture
def page(browser, address):
    with spotless_page(browser, address) as page:
        yield page


def names(page):
    return page.locator(".ranking .name").all_inner_texts()


def upload(client, participant):
    response = client.post(
        f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=participant.headers
    )
    return UUID(response.json()["id"])


def test_page_shows_rows_in_order_and_baselines_apart(page, competition, make_participant):
    for name, score in (("finetune", 0.085), ("retrain", 0.17), ("nothing", 0.0)):
        add_finished(make_participant(name).user, "check", score)
    add_baselines("check")
    page.goto(PAGE)
    expect(page).to_have_title("Check · Faces · Lethe")
    assert names(page) == ["retrain", "finetune", "nothing"]
    assert page.locator(".ranking .number").all_inner_texts() == ["0.1700", "0.0850", "0.0000"]
    assert page.locator(".baselines .name").all_inner_texts() == ["Ceiling", "Floor"]
    full, half, none = (bar.bounding_box()["width"] for bar in page.locator(".ranking .bar-fill").all())
    assert half == pytest.approx(full / 2, abs=1)
    assert none == 0
    assert page.evaluate("getComputedStyle(document.querySelector('.board')).borderRadius") == "14px"


def test_hostile_names_are_shown_and_not_run(page, competition, make_participant):
    add_finished(
        make_participant(HOSTILE).user, "check", 0.1, filename=f'"><img src=x onerror=alert(2)>{HOSTILE}.py'
    )
    page.goto(PAGE)
    assert names(page) == [HOSTILE]
    assert page.locator(".ranking small").first.inner_text().endswith(f"{HOSTILE}.py")
    assert page.locator("#board img, #board script").count() == 0


def test_score_that_lands_appears_by_itself(page, client, competition, ada):
    submission_id = upload(client, ada)
    page.goto(PAGE)
    page.evaluate("window.notReloaded = true")
    expect(page.locator(".waiting")).to_contain_text("1 waiting")
    expect(page.get_by_text("No submission has been scored yet.")).to_be_visible()
    run_all(submission_id)
    with db.transaction() as session:
        submissions.record_score(session, submission_id, Score(**numbers(0.125)))
    expect(page.locator(".ranking .number")).to_have_text("0.1250", timeout=POLL_TIMEOUT_MS)
    expect(page.locator(".waiting")).to_have_count(0)
    assert page.evaluate("window.notReloaded")


def test_preparation_that_ends_is_shown_by_itself(page, make_competition):
    make_competition(state=PhaseState.PREPARING)
    page.goto(PAGE)
    expect(page.get_by_role("progressbar")).to_have_attribute("max", "9")
    with db.transaction() as session:
        find_phase(session, "faces", "check").state = PhaseState.READY
    add_baselines("check")
    expect(page.locator(".baselines .name").first).to_have_text("Ceiling", timeout=POLL_TIMEOUT_MS)
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_poll_without_news_leaves_the_page_alone(page, client, competition, ada):
    upload(client, ada)
    page.goto(PAGE)
    page.evaluate("document.querySelector('#board').untouched = true")
    for _ in range(2):
        with page.expect_response("**/board?version=*", timeout=POLL_TIMEOUT_MS) as polled:
            pass
        assert polled.value.status == 204
    assert page.evaluate("document.querySelector('#board').untouched")


@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_page_fits_every_width(page, competition, make_participant, width):
    add_finished(make_participant("x" * 64).user, "check", 0.1, filename="y" * 197 + ".py", seconds=12_345.0)
    add_baselines("check")
    page.set_viewport_size({"width": width, "height": 900})
    for path in (PAGE, "/"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(PAGE)
    for cell in page.locator(".ranking [role=cell], .ranking [role=rowheader]").all():
        assert cell.bounding_box()["x"] + cell.bounding_box()["width"] <= width
    # The roles must survive the layout as cards: a table for those who hear it.
    expect(page.get_by_role("row", name="x" * 64)).to_be_visible()


def test_page_of_the_api_shows_every_operation_and_loads_nothing_from_elsewhere(page, application):
    page.goto("/docs")
    tags = page.locator(".opblock-tag")
    expect(tags).to_have_count(len(application.openapi()["tags"]))
    tags.filter(has_text="health").click()
    expect(page.locator(".opblock-summary-path").first).to_be_visible()
