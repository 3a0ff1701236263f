"""Rescoring: what it asks for, when the phase changes its version, and what is shown meanwhile."""

import pytest

import scoring
from core import competitions, db, leaderboard, queue, rescoring, scores, submissions
from core.errors import RescoringRefusedError, UnknownScoringVersionError
from core.lifecycle import PhaseState, SubmissionState
from core.models import Phase, Score
from tests.support.competition import (
    make_finished,
    make_phase,
    make_scoring,
    make_submission,
    numbers,
    read_submission,
)
from tests.support.rescoring import (
    NEW,
    OLD,
    THIRD,
    asked_for,
    read_phase,
    record_rescored,
    request_rescoring,
    versions_of,
)

pytestmark = pytest.mark.usefixtures("installation", "three_versions")


def test_request_enqueues_the_finished_and_the_baselines_only(
    phase: Phase, sent: list[queue.Message]
) -> None:
    finished = make_finished(phase, 0.1)
    make_submission(phase, user="bob")
    make_scoring(phase, user="cyd")
    sent.clear()
    request_rescoring(phase)
    assert set(asked_for()) == {finished.id, None}
    assert [message.queue for message in sent] == [queue.SCORING_QUEUE] * 2


def test_request_twice_enqueues_once(phase: Phase, sent: list[queue.Message]) -> None:
    make_finished(phase, 0.1)
    request_rescoring(phase)
    sent.clear()
    request_rescoring(phase)
    assert sent == []
    assert len(asked_for()) == 2


def test_request_without_a_version_asks_for_the_newest(phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "SCORING_VERSION", THIRD)
    with db.transaction() as session:
        rescoring.request(session, phase.id)
    assert asked_for(THIRD) == [None]


@pytest.mark.parametrize(
    ("version", "changes", "error", "message"),
    [
        ("no-such", {}, UnknownScoringVersionError, "no scoring version `no-such`, only .*`test-2`"),
        (OLD, {}, RescoringRefusedError, "scored under `neurips2023-1` already"),
        (NEW, {"state": PhaseState.PREPARING}, RescoringRefusedError, "Check is preparing"),
        (NEW, {"state": PhaseState.BROKEN}, RescoringRefusedError, "Check is broken"),
        (NEW, {"rescoring_version": THIRD}, RescoringRefusedError, "being rescored under `test-3`"),
    ],
)
def test_request_refused_says_why(
    phase: Phase, version: str, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with db.transaction() as session:
        for name, value in changes.items():
            setattr(session.get_one(Phase, phase.id), name, value)
    with pytest.raises(error, match=message):
        request_rescoring(phase, version)
    assert asked_for() == []


def test_last_score_changes_the_version_at_once(phase: Phase) -> None:
    first, second = make_finished(phase, 0.1), make_finished(phase, 0.2, user="bob")
    request_rescoring(phase)
    for done, submission_id in enumerate((first.id, None, second.id)):
        assert read_phase(phase).scoring_version == OLD
        with db.reading() as session:
            under_way = rescoring.current(session, session.get_one(Phase, phase.id))
        assert under_way == (NEW, done, 3, "")
        record_rescored(submission_id)
    changed = read_phase(phase)
    assert (changed.scoring_version, changed.rescoring_version) == (NEW, None)
    assert versions_of(first) == versions_of(second) == [OLD, NEW]
    with db.reading() as session:
        assert rescoring.current(session, changed) is None


def test_leaderboard_never_mixes_versions_and_shows_both_in_the_end(phase: Phase) -> None:
    submission = make_finished(phase, 0.1)
    request_rescoring(phase)
    for submission_id, ranks_by, beside in (
        (submission.id, OLD, {OLD}),
        (None, NEW, {OLD, NEW}),
    ):
        record_rescored(submission_id)
        with db.reading() as session:
            board = leaderboard.leaderboard(session, session.get_one(Phase, phase.id))
        assert [row.score.scoring_version for row in [*board.rows, *board.baselines]] == [ranks_by] * 3
        assert all(row.scores.keys() == beside for row in [*board.rows, *board.baselines])
        assert board.rows[0].scores[ranks_by] == board.rows[0].score


def test_submission_that_finishes_meanwhile_is_waited_for_and_has_both(phase: Phase) -> None:
    late = make_scoring(phase)
    request_rescoring(phase)
    with db.transaction() as session:
        assert submissions.record_score(session, late.id, Score(**numbers(0.1)))
    assert read_submission(late.id).state is SubmissionState.FINISHED
    record_rescored(None)
    assert read_phase(phase).scoring_version == OLD
    record_rescored(late.id)
    assert read_phase(phase).scoring_version == NEW
    assert versions_of(late) == [OLD, NEW]


def test_submission_scored_while_the_version_changes_finishes_under_the_new_and_has_both(
    phase: Phase,
) -> None:
    late = make_scoring(phase)
    request_rescoring(phase)
    record_rescored(None)
    assert read_phase(phase).scoring_version == NEW
    for _ in range(2):  # a second worker scores again if the first one dies here
        with db.transaction() as session:
            assert not submissions.record_score(session, late.id, Score(**numbers(0.1)))
    assert read_submission(late.id).state is SubmissionState.SCORING
    with db.transaction() as session:
        assert submissions.record_score(session, late.id, Score(**numbers(0.3, scoring_version=NEW)))
    assert read_submission(late.id).state is SubmissionState.FINISHED
    assert versions_of(late) == [OLD, NEW]


def test_submission_left_behind_twice_is_asked_for_nothing_that_it_has(phase: Phase) -> None:
    late = make_scoring(phase)
    request_rescoring(phase)
    record_rescored(None)
    with db.transaction() as session:
        submissions.record_score(session, late.id, Score(**numbers(0.1)))
    request_rescoring(phase, THIRD)
    with db.transaction() as session:
        submissions.record_score(session, late.id, Score(**numbers(0.3, scoring_version=NEW)))
    assert set(asked_for(THIRD)) == {None, late.id}
    for submission_id in (late.id, None):
        record_rescored(submission_id, THIRD)
    request_rescoring(phase, OLD)
    assert read_phase(phase).scoring_version == OLD
    assert versions_of(late) == [OLD, NEW, THIRD]


def test_version_that_has_every_score_ranks_at_once(phase: Phase) -> None:
    make_finished(phase, 0.1)
    request_rescoring(phase)
    for submission_id in asked_for():
        record_rescored(submission_id)
    request_rescoring(phase, OLD)
    assert read_phase(phase).scoring_version == OLD
    assert asked_for(OLD) == []


def test_find_score_is_that_of_the_phases_version(phase: Phase) -> None:
    submission = make_finished(phase, 0.1)
    request_rescoring(phase)
    for submission_id, version in ((submission.id, OLD), (None, NEW)):
        record_rescored(submission_id)
        with db.reading() as session:
            found = scores.find_score(session, submissions.find(session, submission.id))
        assert found is not None
        assert found.scoring_version == version


def test_phase_of_an_unknown_version_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="`no-such` is none of neurips2023-1, test-2, test-3"):
        make_phase(scoring_version="no-such")
    made = make_phase(scoring_version=NEW)
    with db.reading() as session:
        assert (
            competitions.find_phase(session, "demo", "check").scoring_version == made.scoring_version == NEW
        )
