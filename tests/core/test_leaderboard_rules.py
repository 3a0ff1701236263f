"""Which submission stands for a team under each rule, what never ranks, and pages of a board."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from core import db, paging
from core.board import N_CONTENDERS
from core.errors import InvalidCursorError
from core.leaderboard import Leaderboard, leaderboard
from core.lifecycle import BoardRule, BoardVisibility
from core.models import Baseline, Phase, Score, Submission, utc_now
from core.paging import Page
from core.visibility import NOBODY, Viewer
from tests.support.competition import make_finished, make_phase, make_submission, numbers
from tests.support.standings import fill_phase

pytestmark = pytest.mark.usefixtures("installation")


def _read(phase: Phase, page: Page | None = None, viewer: Viewer = NOBODY) -> Leaderboard:
    with db.reading() as session:
        return leaderboard(session, session.get_one(Phase, phase.id), viewer=viewer, page=page)


def _ranks(phase: Phase) -> list[tuple[str, float]]:
    return [(row.team, row.score.final_score) for row in _read(phase).rows]


def _change(thing: Phase | Submission, **changes: Any) -> None:
    with db.transaction() as session:
        stored = session.get_one(type(thing), thing.id)
        for name, value in changes.items():
            setattr(stored, name, value)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (BoardRule.BEST, [("ann", 0.3), ("bob", 0.25)]),
        (BoardRule.LAST, [("bob", 0.25), ("ann", 0.1)]),
        (BoardRule.SELECTED, [("ann", 0.2)]),
    ],
)
def test_rule_says_which_submission_stands_for_a_team(rule: BoardRule, expected: object) -> None:
    phase = make_phase()
    made = [make_finished(phase, score, user="ann") for score in (0.05, 0.3, 0.2, 0.1)]
    make_finished(phase, 0.25, user="bob")
    make_submission(phase, user="ann", source=b"def unlearning(a, b, c, d): pass\n")  # the last, unfinished
    for one in (made[0], made[2]):
        _change(one, selected_at=utc_now())
    _change(phase, board_rule=rule)
    assert _ranks(phase) == expected


@pytest.mark.parametrize(
    "change", ["disqualified_at", "superseded_at"], ids=["disqualified", "superseded by a rerun"]
)
def test_what_is_taken_out_never_ranks(change: str) -> None:
    phase = make_phase()
    out = make_finished(phase, 0.9, user="ann")
    make_finished(phase, 0.1, user="ann")
    _change(out, **{change: utc_now()})
    assert _ranks(phase) == [("ann", 0.1)]


def test_submission_without_a_score_of_the_version_does_not_rank() -> None:
    phase = make_phase()
    unscored = make_finished(phase, 0.9, user="ann")
    with db.transaction() as session:
        session.execute(Score.__table__.delete().where(Score.submission_id == unscored.id))
    make_finished(phase, 0.1, user="bob")
    assert _ranks(phase) == [("bob", 0.1)]


def test_equal_scores_of_one_instant_rank_by_id() -> None:
    phase = make_phase()
    made = [make_finished(phase, 0.1, user=user) for user in ("ann", "bob", "cyd")]
    now = utc_now()
    for one in made:
        _change(one, created_at=now)
    expected = [one.id for one in sorted(made, key=lambda one: one.id)]
    assert [row.submission_id for row in _read(phase).rows] == expected
    highest = max(made, key=lambda one: one.id)
    _change(highest, created_at=now - timedelta(microseconds=1))
    assert _read(phase).rows[0].submission_id == highest.id


def test_row_says_how_it_compares_with_the_ceiling_and_a_retraining() -> None:
    phase = make_phase(show_logs=True)
    make_finished(phase, 0.1, user="ann", seconds=1.0)
    _change(phase, retraining_s=25.0)
    with db.transaction() as session:
        session.add(Baseline(phase_id=phase.id, name="ceiling", **numbers(0.2)))
    board = _read(phase)
    (row,) = board.rows
    assert (row.ceiling_share, row.runtime_share) == (pytest.approx(0.5), pytest.approx(2.5 / 25.0))
    assert (board.baselines[0].ceiling_share, board.baselines[0].runtime_share) == (1.0, None)


def test_hidden_phase_takes_the_runtime_share_of_the_bucket() -> None:
    phase = make_phase()
    make_finished(phase, 0.1, user="ann", seconds=1.6)  # 3.1 on average
    _change(phase, retraining_s=16.0)
    (row,) = _read(phase).rows
    assert (row.mean_run_seconds, row.runtime_share) == (4.0, 0.25)


def test_named_submission_stands_apart() -> None:
    phase = make_phase()
    make_finished(phase, 0.1, user="ann")
    named = make_finished(phase, 0.9, user="olga")
    _change(named, baseline_name="fine-tuning")
    with db.transaction() as session:
        session.add(Baseline(phase_id=phase.id, name="ceiling", **numbers(0.95)))
    board = _read(phase)
    assert [row.team for row in board.rows] == ["ann"]
    assert [(row.name, row.submission_id) for row in board.baselines] == [
        ("ceiling", None),
        ("fine-tuning", named.id),
    ]


def test_pages_join_to_the_whole_board() -> None:
    phase = make_phase()
    fill_phase(phase, n_teams=60, submissions_per_team=2, runs_per_submission=0)
    whole, joined, cursor = _read(phase), [], None
    while True:
        part = _read(phase, Page(limit=7, cursor=cursor))
        joined += part.rows
        assert part.n_teams == 60
        cursor = part.next_cursor
        if cursor is None:
            break
    assert [row.rank for row in joined] == list(range(1, 61))
    assert joined == whole.rows
    assert {row.tied_with_leader for row in whole.rows} == {True, False}
    assert len(whole.rows) > N_CONTENDERS


def test_page_behind_the_end_is_empty_and_a_foreign_cursor_is_refused() -> None:
    phase = make_phase()
    make_finished(phase, 0.1)
    assert _read(phase, Page(cursor=paging.encode(2**63 - 1))).rows == []
    assert len(_read(phase, Page(cursor=paging.encode(-5))).rows) == 1
    with pytest.raises(InvalidCursorError):
        _read(phase, Page(cursor=paging.encode("x")))


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)


@pytest.mark.parametrize("n_teams", [0, 3, 70])
@pytest.mark.parametrize("visibility", list(BoardVisibility))
def test_board_takes_at_most_three_queries_and_never_reads_runs(
    n_teams: int, visibility: BoardVisibility
) -> None:
    phase = make_phase(show_logs=True)
    users = fill_phase(phase, n_teams=n_teams, submissions_per_team=3, runs_per_submission=2)
    _change(phase, board_visibility=visibility)
    with db.reading() as session:
        stored = session.get_one(Phase, phase.id)
        with _statements() as seen:
            leaderboard(session, stored, viewer=Viewer(users[0] if users else None), page=Page())
    queries = [one for one in seen if one.startswith("SELECT")]
    assert len(queries) <= 3
    assert not any("FROM run" in one or "JOIN run" in one for one in queries)
