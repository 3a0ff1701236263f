"""Who ranks where, and who does not rank at all."""

import pytest

from core import db, leaderboard, submissions
from core.lifecycle import Verdict
from core.models import Phase, Score
from core.submissions import RunResult
from tests.support.competition import make_phase, make_submission, numbers

pytestmark = pytest.mark.usefixtures("installation")


def _finish(phase: Phase, *, user: str, final_score: float, seconds: float = 1.0) -> None:
    source = f"def unlearning(net, retain, forget, val): return {final_score}".encode()
    submission = make_submission(phase, user=user, source=source)
    for run_index in range(phase.n_models):
        with db.transaction() as session:
            submissions.begin(session, submission.id)
            result = RunResult(Verdict.OK, seconds=seconds + run_index, evaluation_sha256="0" * 64)
            submissions.record_run(session, submission.id, run_index, result)
    with db.transaction() as session:
        submissions.record_score(session, submission.id, Score(**numbers(final_score)))


def _board(phase: Phase) -> leaderboard.Leaderboard:
    with db.reading() as session:
        return leaderboard.leaderboard(session, session.get_one(Phase, phase.id))


def test_leaderboard_ranks_best_of_each_and_ties_by_time() -> None:
    phase = make_phase()
    _finish(phase, user="ann", final_score=0.05)
    _finish(phase, user="bob", final_score=0.10)
    _finish(phase, user="cyd", final_score=0.10)
    _finish(phase, user="ann", final_score=0.12)
    rows = _board(phase).rows
    assert [(row.rank, row.participant, row.score.final_score) for row in rows] == [
        (1, "ann", 0.12),
        (2, "bob", 0.10),
        (3, "cyd", 0.10),
    ]


def test_leaderboard_gives_mean_seconds_per_run() -> None:
    phase = make_phase()
    _finish(phase, user="ann", final_score=0.05, seconds=2.0)
    assert _board(phase).rows[0].mean_run_seconds == pytest.approx(3.5)


def test_leaderboard_unfinished_and_failed_do_not_rank() -> None:
    phase = make_phase()
    make_submission(phase, user="ann")
    failing = make_submission(phase, user="bob")
    with db.transaction() as session:
        submissions.give_up(session, failing.id)
    board = _board(phase)
    assert board.rows == []
    assert board.n_waiting == 1
