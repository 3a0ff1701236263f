"""The pages as text: what they say in each state, and that they trust nobody's words."""

import re
from datetime import timedelta

import numpy as np
import pytest

from core import db
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import REPLICATES, Score, utc_now
from tests.support.api import PHASE, add_baselines, add_finished, on_both_databases
from tests.support.competition import HONEST, numbers

PAGE = "/competitions/faces/phases/check/leaderboard"


def test_home_links_every_phase(client, competition):
    page = client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert f'href="{PAGE}"' in page.text
    assert "Forget some people." in page.text


def test_home_without_competitions_says_so(client):
    assert "no competition yet" in client.get("/").text


@on_both_databases
def test_page_shows_ranking_and_baselines(client, competition, ada):
    add_finished(ada.user, "check", 0.0853, filename="finetune.py", retain_ratio=1.02)
    add_baselines("check")
    page = client.get(PAGE).text
    for words in ("ada", "finetune.py", "0.0853", "90.0 %", "×1.020", "3.0 s", "Ceiling", "0.1700", "Floor"):
        assert words in page
    assert 'class="bar-fill" width="45.61%"' in page
    assert 'class="bar-interval" x1="41.05%" x2="50.18%"' in page
    assert "0.0768 – 0.0938" in page
    assert "stand beside" not in page


def test_page_and_api_mark_who_is_tied_with_the_first(client, competition, make_participant):
    wide = np.linspace(-0.1, 0.1, 50)
    for name, score, spread in (("ada", 0.2, wide), ("bob", 0.19, -wide), ("cyd", 0.01, 0 * wide)):
        replicates = (score + spread).astype(REPLICATES).tobytes()
        add_finished(make_participant(name).user, "check", score, replicates=replicates)
    page = client.get(PAGE).text
    assert page.count("tied with the first</span>") == 1
    assert page.index('title="bob"') < page.index("tied with the first</span>") < page.index('title="cyd"')
    rows = client.get(f"{PHASE}/leaderboard").json()["rows"]
    assert [row["tied_with_leader"] for row in rows] == [True, True, False]


def test_page_shows_scores_of_other_versions_beside(client, competition, ada, make_participant):
    scored_twice = add_finished(ada.user, "check", 0.1)
    with db.transaction() as session:
        session.add(Score(submission_id=scored_twice.id, **numbers(0.4242, scoring_version="test-2")))
    add_finished(make_participant("bob").user, "check", 0.05)
    page = client.get(PAGE).text
    assert page.count('data-label="test-2"') == 2
    assert page.count("0.4242") == 1
    assert "The ranking is by version neurips2023-1" in page


def test_hostile_names_are_text(client, competition, make_participant):
    hostile = "<script>alert(1)</script>\"'>"
    add_finished(make_participant(hostile).user, "check", 0.1, filename=f"{hostile}.py")
    page = client.get(PAGE).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&gt;.py" in page


def test_negative_and_zero_scores_draw_no_bar(client, competition, ada, make_participant):
    add_finished(ada.user, "check", 0.0)
    add_finished(make_participant("bob").user, "check", -0.5)
    assert client.get(PAGE).text.count('class="bar-fill" width="0.0%"') == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (PhaseState.READY, "No submission has been scored yet."),
        (PhaseState.PREPARING, "0 of 9 models are trained"),
        (PhaseState.BROKEN, "could not be prepared"),
    ],
)
def test_page_without_scores_says_how_things_stand(client, make_competition, state, words):
    make_competition(state=state)
    assert words in client.get(PAGE).text


def test_board_is_polled_often_while_something_is_to_come_and_sent_only_when_changed(
    client, competition, ada
):
    assert 'hx-trigger="every 20s"' in client.get(PAGE).text
    client.post(f"{PHASE}/submissions", files={"file": ("s.py", HONEST)}, headers=ada.headers)
    board = client.get(f"{PAGE}/board")
    assert 'hx-trigger="every 2s"' in board.text
    assert "<html" not in board.text
    version = board.text.split("?version=")[1].split("&")[0]
    assert client.get(f"{PAGE}/board?version={version}").status_code == 204
    add_finished(ada.user, "check", 0.1)
    assert client.get(f"{PAGE}/board?version={version}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "/competitions/nowhere/phases/check/leaderboard", PAGE + "/nothing"]
)
def test_unknown_page_is_a_page(client, competition, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "Not " in response.text


def test_pages_hold_no_inline_code_and_nothing_from_elsewhere(client, competition, ada):
    add_finished(ada.user, "check", 0.1)
    for path in ("/", PAGE, "/nothing"):
        page = client.get(path).text
        assert " style=" not in page
        assert "<style" not in page
        assert "http://" not in page
        assert "https://" not in page
        assert page.count("<script") == 1


def test_board_says_that_its_phase_has_closed_and_names_baselines_as_organizers_do(
    client, competition, ada, olga
):
    add_finished(ada.user, "check", 0.05)
    added = add_finished(olga.user, "check", 0.9)
    named = {"name": "L1 SCRUB"}
    client.put(f"/api/v1/submissions/{added.id}/baseline", json=named, headers=olga.headers)
    with db.transaction() as session:
        find_phase(session, "faces", "check").closes_at = utc_now() + timedelta(days=1)
    page = client.get(PAGE).text
    assert "L1 SCRUB" in page
    assert "<li>closes " in page
    with db.transaction() as session:
        find_phase(session, "faces", "check").closes_at = utc_now()
    page = client.get(PAGE).text
    assert "<li>closed " in page


def test_links_of_a_board_have_ids_by_which_focus_survives_its_redrawing(client, competition, ada, olga):
    for who in (ada, olga):
        add_finished(who.user, "check", 0.05)
    board = client.get(f"{PAGE}/board?limit=1").text
    links = re.findall("<a [^>]*>", board)
    assert len(links) == 2
    assert all(" id=" in link for link in links)
