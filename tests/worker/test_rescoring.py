"""A whole phase scored anew: from what is stored alone, whatever dies on the way, and both scores shown."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

import scoring
from core import db, queue, rescoring
from core.leaderboard import Leaderboard, leaderboard
from core.lifecycle import SubmissionState
from core.models import Phase, Score, Shard, Submission, utc_now
from core.shards import release_node
from scoring import Measurements
from tests.support.competition import read_submission
from tests.support.measured import make_measured_phase, make_run_submission
from training import evaluation
from worker import submission_runs, sweeper, tasks
from worker.sandboxes import BubblewrapSandbox, DockerSandbox

pytestmark = pytest.mark.usefixtures("installation", "empty_queues")

OLD, NEW = "neurips2023-1", "test-2"


def half_score(unlearned: Measurements, reference: Measurements) -> scoring.Score:
    score = scoring.score(unlearned, reference)
    return replace(score, final_score=score.final_score / 2)


@pytest.fixture(autouse=True)
def _new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scoring.VERSIONS, NEW, half_score)


@pytest.fixture
def phase(deliver: Callable[[], None]) -> Phase:
    """A phase that is ready; ann's and bob's submissions have finished."""
    made = make_measured_phase()
    deliver()
    for user in ("ann", "bob"):
        make_run_submission(made, user=user, comment=user)
        deliver()
    return made


def _request(phase: Phase, version: str = NEW) -> None:
    with db.transaction() as session:
        rescoring.request(session, phase.id, version)


def _board(phase: Phase) -> Leaderboard:
    with db.reading() as session:
        return leaderboard(session, session.get_one(Phase, phase.id))


def _read(phase: Phase) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, phase.id)


def _count_scores() -> dict[str, int]:
    with db.reading() as session:
        versions = list(session.scalars(select(Score.scoring_version)))
    return {version: versions.count(version) for version in set(versions)}


def _lapse_leases() -> None:
    with db.transaction() as session:
        session.execute(update(Shard).values(lease_expires_at=utc_now() - timedelta(seconds=1)))


def test_rescoring_ranks_by_the_new_shows_both_and_opens_no_sandbox(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("rescoring runs nothing")

    for place, name in (
        (submission_runs, "find_sandbox"),
        (submission_runs, "kept_evaluator"),
        (BubblewrapSandbox, "open"),
        (DockerSandbox, "open"),
        (evaluation.Evaluator, "evaluate"),
    ):
        monkeypatch.setattr(place, name, refuse)
    before = _board(phase)
    _request(phase)
    deliver()
    after = _board(phase)
    assert [row.team for row in after.rows] == [row.team for row in before.rows]
    for old, new in zip([*before.rows, *before.baselines], [*after.rows, *after.baselines], strict=True):
        assert new.score.scoring_version == NEW
        assert new.score.final_score == old.score.final_score / 2
        assert new.scores[OLD].final_score == old.score.final_score
    assert _artifacts(NEW) == _artifacts(OLD)


def _artifacts(version: str) -> set[str | None]:
    with db.reading() as session:
        scores = select(Score.artifact_sha256).where(Score.scoring_version == version)
        return set(session.scalars(scores))


def test_rescoring_of_what_has_no_artifact_makes_one_of_the_stored_evaluations(
    phase: Phase, deliver: Callable[[], None]
) -> None:
    with db.transaction() as session:
        for score in session.scalars(select(Score)):
            score.artifact_sha256 = score.report_sha256 = score.replicates = None
    assert _artifacts(OLD) == {None}
    _request(phase)
    deliver()
    assert len(_artifacts(NEW)) == 2
    assert None not in _artifacts(NEW)


def test_submission_that_finishes_meanwhile_gets_both(
    phase: Phase, sent: list[queue.Message], deliver: Callable[[], None]
) -> None:
    _request(phase)
    make_run_submission(phase, user="cyd", comment="meanwhile")
    sent.insert(0, sent.pop())
    deliver()
    board = _board(phase)
    assert {row.team for row in board.rows} == {"ann", "bob", "cyd"}
    assert all(row.scores.keys() == {OLD, NEW} for row in board.rows)


def test_submission_being_scored_while_the_version_changes_gets_both(
    phase: Phase,
    sent: list[queue.Message],
    deliver: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def score_slowly(unlearned: Measurements, reference: Measurements) -> scoring.Score:
        if scoring_shards:
            scoring_shards.clear()
            _request(phase)
            deliver()
        return scoring.score(unlearned, reference)

    sent.clear()
    late = make_run_submission(phase, user="cyd", comment="meanwhile")
    scoring_shards = [sent.pop().shard_id]
    monkeypatch.setitem(scoring.VERSIONS, OLD, score_slowly)
    tasks.work_on_shard(str(scoring_shards[0]))
    assert _read(phase).scoring_version == NEW
    assert read_submission(late.id).state is SubmissionState.FINISHED
    assert all(row.scores.keys() == {OLD, NEW} for row in _board(phase).rows)


def test_worker_that_dies_in_a_rescoring_is_replaced(
    phase: Phase, sent: list[queue.Message], deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> scoring.Score:
        monkeypatch.setitem(scoring.VERSIONS, NEW, half_score)
        raise Killed

    monkeypatch.setitem(scoring.VERSIONS, NEW, die)
    _request(phase)
    with pytest.raises(Killed):
        deliver()
    deliver()
    assert _read(phase).scoring_version == OLD
    _lapse_leases()
    sweeper.sweep()
    deliver()
    assert _read(phase).scoring_version == NEW
    assert _count_scores() == {OLD: 2, NEW: 2}


def test_worker_that_loses_its_lease_in_a_rescoring_stores_nothing(
    phase: Phase, sent: list[queue.Message], deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_lease(unlearned: Measurements, reference: Measurements) -> scoring.Score:
        """Be so slow that another worker does all of the work meanwhile."""
        monkeypatch.setitem(scoring.VERSIONS, NEW, half_score)
        with db.transaction() as session:
            release_node(session, "local")
        sweeper.sweep()
        deliver()
        return half_score(unlearned, reference)

    monkeypatch.setitem(scoring.VERSIONS, NEW, lose_the_lease)
    _request(phase)
    deliver()
    assert _read(phase).scoring_version == NEW
    assert _count_scores() == {OLD: 2, NEW: 2}


def test_version_that_fails_leaves_everything_as_it_was_and_says_what_failed(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> scoring.Score:
        raise ZeroDivisionError("a bug")

    before = _board(phase)
    monkeypatch.setitem(scoring.VERSIONS, NEW, fail)
    _request(phase)
    for _ in range(4):
        deliver()
        sweeper.sweep()
    failed = _read(phase)
    assert (failed.scoring_version, failed.rescoring_version) == (OLD, NEW)
    assert "rescoring failed 3 times in a row; the worker's log says why" in failed.rescoring_problem
    with db.reading() as session:
        assert {one.state for one in session.scalars(select(Submission))} == {SubmissionState.FINISHED}
    assert [row.scores.keys() for row in _board(phase).rows] == [row.scores.keys() for row in before.rows]
    monkeypatch.setitem(scoring.VERSIONS, NEW, half_score)
    _request(phase)
    deliver()
    assert _read(phase).scoring_version == NEW


def test_version_that_the_worker_does_not_know_is_said(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _request(phase)
    monkeypatch.delitem(scoring.VERSIONS, NEW)
    for _ in range(4):
        deliver()
        sweeper.sweep()
    message = "this worker does not know the scoring version `test-2`, only neurips2023-1"
    assert message in _read(phase).rescoring_problem


def test_evaluations_of_an_older_evaluator_are_said(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        session.execute(update(Score).values(artifact_sha256=None))
    message = f"cannot be used: the evaluation is of version {evaluation.EVALUATOR_VERSION}, not next"
    monkeypatch.setattr(evaluation, "EVALUATOR_VERSION", "next")
    _request(phase)
    for _ in range(4):
        deliver()
        sweeper.sweep()
    assert message in _read(phase).rescoring_problem
