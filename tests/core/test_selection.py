"""Selection: how many, which ones, and until when."""

from datetime import timedelta

import pytest
import time_machine

from core import db, reruns, selection
from core.errors import SelectionRefusedError
from core.lifecycle import BoardRule
from core.models import Phase, Submission
from tests.support.rules import CLOSES, OPENS, at_once, fetch, finished, make_phases, make_user, upload

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")

NEXT = {"start": CLOSES, "auto_migrate_to_this_phase": True, "max_selected": 2}


def _select(submission: Submission) -> Submission:
    with db.transaction() as session:
        return selection.select_submission(session, submission.id)


def _deselect(submission: Submission) -> Submission:
    with db.transaction() as session:
        return selection.deselect(session, submission.id)


def test_team_selects_as_many_as_the_next_phase_takes() -> None:
    make_phases({}, NEXT)
    first, second, third = (finished("ann", number) for number in range(3))
    assert _select(first).selected_at is not None
    _select(second)
    with pytest.raises(SelectionRefusedError, match="selected 2 already"):
        _select(third)
    assert _select(first).selected_at == fetch(first.id).selected_at, "selecting twice is selecting once"
    _deselect(first)
    _select(third)
    _select(finished("bob"))


def test_only_what_finished_and_still_stands_is_selected() -> None:
    make_phases({}, NEXT)
    with pytest.raises(SelectionRefusedError, match="has finished"):
        _select(upload("ann"))
    bad, olga = finished("ann", 1), make_user("olga")
    with db.transaction() as session:
        reruns.disqualify(session, bad.id, actor=olga, reason="")
    with pytest.raises(SelectionRefusedError, match="disqualified"):
        _select(bad)
    with db.transaction() as session:
        reruns.restore(session, bad.id, actor=olga)
        session.get_one(Submission, bad.id).superseded_at = bad.created_at
    with pytest.raises(SelectionRefusedError, match="took its place"):
        _select(bad)


def test_selected_that_was_disqualified_makes_room() -> None:
    make_phases({}, NEXT | {"max_selected": 1})
    bad, good = finished("ann", 1), finished("ann", 2)
    _select(bad)
    with db.transaction() as session:
        reruns.disqualify(session, bad.id, actor=make_user("ann"), reason="")
    _select(good)


def test_selection_ends_with_the_phase() -> None:
    make_phases({"start": OPENS, "end": CLOSES}, NEXT)
    with time_machine.travel(CLOSES - timedelta(seconds=9), tick=False) as clock:
        one, two = finished("ann", 1), finished("ann", 2)
        _select(one)
        clock.move_to(CLOSES)
        for change in (lambda: _select(two), lambda: _deselect(one)):
            with pytest.raises(SelectionRefusedError, match="P0 has ended"):
                change()


@pytest.mark.parametrize(
    ("following", "rule", "most"),
    [
        ([NEXT], BoardRule.BEST, 2),
        ([], BoardRule.BEST, 0),
        ([], BoardRule.SELECTED, 1),
        ([{}, NEXT], BoardRule.BEST, 0),
        ([{}, NEXT], BoardRule.SELECTED, 1),
        ([NEXT], BoardRule.SELECTED, 2),
    ],
)
def test_how_many_is_said_by_the_next_phase_or_by_the_board(
    following: list[dict[str, object]], rule: BoardRule, most: int
) -> None:
    phase = make_phases({}, *following)[0]
    with db.transaction() as session:
        phase = session.get_one(Phase, phase.id)
        phase.board_rule = rule
        assert selection.most_selected(session, phase) == most
    submission = finished("ann")
    if most:
        _select(submission)
    else:
        with pytest.raises(SelectionRefusedError, match="Nothing is selected in P0"):
            _select(submission)


@on_both_databases
def test_last_place_of_a_selection_goes_to_one_of_two_at_once() -> None:
    make_phases({}, NEXT | {"max_selected": 1})
    one, two = finished("ann", 1), finished("ann", 2)
    results = at_once(lambda: _select(one), lambda: _select(two))
    assert sorted(type(result).__name__ for result in results) == ["SelectionRefusedError", "Submission"]
