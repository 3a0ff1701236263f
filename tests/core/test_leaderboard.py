"""Who ranks where, and who does not rank at all."""

import numpy as np
import pytest

from core import db, leaderboard, submissions
from core.models import REPLICATES, Phase
from tests.support.competition import make_finished, make_phase, make_submission

pytestmark = pytest.mark.usefixtures("installation")


def _board(phase: Phase) -> leaderboard.Leaderboard:
    with db.reading() as session:
        return leaderboard.leaderboard(session, session.get_one(Phase, phase.id))


def test_leaderboard_ranks_best_of_each_and_ties_by_time() -> None:
    phase = make_phase()
    make_finished(phase, 0.05, user="ann")
    make_finished(phase, 0.10, user="bob")
    make_finished(phase, 0.10, user="cyd")
    make_finished(phase, 0.12, user="ann")
    rows = _board(phase).rows
    assert [(row.rank, row.team, row.score.final_score) for row in rows] == [
        (1, "ann", 0.12),
        (2, "bob", 0.10),
        (3, "cyd", 0.10),
    ]


def test_leaderboard_gives_mean_seconds_per_run() -> None:
    phase = make_phase(show_logs=True)
    make_finished(phase, 0.05, user="ann", seconds=2.0)
    assert _board(phase).rows[0].mean_run_seconds == pytest.approx(3.5)


def _replicates(final_score: float, *, sd: float, shared: float = 0.0, n: int = 50) -> bytes:
    """Draw replicates around a score; what is `shared` is the same for all submissions."""
    own, common = np.random.default_rng(round(1e6 * final_score)), np.random.default_rng(0)
    drawn = final_score + sd * own.normal(size=n) + shared * common.normal(size=n)
    return drawn.astype(REPLICATES).tobytes()


def _tied(phase: Phase) -> dict[str, bool | None]:
    return {row.team: row.tied_with_leader for row in _board(phase).rows}


def test_leaderboard_says_who_is_tied_with_the_leader() -> None:
    phase = make_phase()
    for user, final_score in (("ann", 0.15), ("bob", 0.14), ("cyd", 0.10)):
        replicates = _replicates(final_score, sd=0.01)
        make_finished(phase, final_score, user=user, replicates=replicates)
    assert _tied(phase) == {"ann": True, "bob": True, "cyd": False}


def test_leaderboard_what_submissions_share_ties_nobody() -> None:
    phase = make_phase()
    for user, final_score in (("ann", 0.15), ("bob", 0.14)):
        replicates = _replicates(final_score, sd=0.001, shared=0.05)
        make_finished(phase, final_score, user=user, replicates=replicates)
    assert _tied(phase) == {"ann": True, "bob": False}


def test_leaderboard_compares_only_replicates_that_pair() -> None:
    phase = make_phase()
    make_finished(phase, 0.15, user="ann", replicates=_replicates(0.15, sd=0.01))
    make_finished(phase, 0.149, user="bob")
    make_finished(phase, 0.148, user="cyd", replicates=_replicates(0.148, sd=0.01, n=40))
    make_finished(phase, 0.147, user="dan", replicates=_replicates(0.147, sd=0.01))
    assert _tied(phase) == {"ann": True, "bob": None, "cyd": None, "dan": True}
    make_finished(phase, 0.2, user="eve")
    assert set(_tied(phase).values()) == {None}


def test_leaderboard_unfinished_and_failed_do_not_rank() -> None:
    phase = make_phase()
    make_submission(phase, user="ann")
    failing = make_submission(phase, user="bob")
    with db.transaction() as session:
        submissions.give_up(session, failing.id)
    board = _board(phase)
    assert board.rows == []
    assert board.n_waiting == 1
