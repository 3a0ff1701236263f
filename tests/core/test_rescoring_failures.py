"""Rescorings that fail, lose their lease, or meet others at the same moment."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy.orm import Session

from core import db, rescoring, shards, submissions
from core.errors import LeaseLostError
from core.lifecycle import SubmissionState
from core.models import Phase, Score
from tests.support.competition import (
    make_finished,
    make_scoring,
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
    take_shard,
    versions_of,
)

pytestmark = pytest.mark.usefixtures("installation", "three_versions")


def test_give_up_keeps_version_and_submissions_and_retrying_makes_only_what_is_missing(phase: Phase) -> None:
    good, bad = make_finished(phase, 0.1), make_finished(phase, 0.2, user="bob")
    request_rescoring(phase)
    shard = take_shard(bad.id)
    with db.transaction() as session:
        rescoring.give_up(session, shard, "it is damaged")
    record_rescored(None)
    record_rescored(good.id)
    failed = read_phase(phase)
    assert (failed.scoring_version, failed.rescoring_version) == (OLD, NEW)
    with db.reading() as session:
        assert rescoring.current(session, failed) == (NEW, 2, 3, f"submission {bad.id}: it is damaged")
    assert read_submission(bad.id).state is SubmissionState.FINISHED
    later = make_finished(phase, 0.3, user="cyd")
    assert asked_for() == []
    request_rescoring(phase)
    assert read_phase(phase).rescoring_problem == ""
    assert set(asked_for()) == {bad.id, later.id}
    for submission_id in (bad.id, later.id):
        record_rescored(submission_id)
    assert read_phase(phase).scoring_version == NEW


def test_give_up_of_what_has_just_succeeded_changes_nothing(phase: Phase) -> None:
    submission = make_finished(phase, 0.1)
    request_rescoring(phase)
    shard = take_shard(submission.id)
    with db.transaction() as session:
        shards.finish(session, shard.id, holder="a:1")
    with db.transaction() as session:
        rescoring.give_up(session, shard, "too late")
    assert read_phase(phase).rescoring_problem == ""


def test_failed_rescoring_gives_way_to_another_version(phase: Phase) -> None:
    request_rescoring(phase)
    shard = take_shard(None)
    with db.transaction() as session:
        rescoring.give_up(session, shard, "a bug")
    assert read_phase(phase).rescoring_problem == "the baselines: a bug"
    request_rescoring(phase, THIRD)
    record_rescored(None, THIRD)
    assert read_phase(phase).scoring_version == THIRD


def test_record_under_a_lost_lease_stores_nothing(phase: Phase) -> None:
    submission = make_finished(phase, 0.1)
    request_rescoring(phase)
    shard = take_shard(submission.id)
    with db.transaction() as session:
        shards.release_node(session, "a")
    with pytest.raises(LeaseLostError), db.transaction() as session:
        score = Score(submission_id=submission.id, **numbers(0.3, scoring_version=NEW))
        rescoring.record(session, shard, [score], holder="a:1")
    assert versions_of(submission) == [OLD]


def _look_as_late_as_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two transactions look at what is missing only when both have written, unless one must wait."""
    both = threading.Barrier(2)

    def wait_and_look(look: Callable[[Session, Phase], None], session: Session, phase: Phase) -> None:
        session.flush()
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        look(session, phase)

    for name in ("go_on", "_change_if_complete"):
        monkeypatch.setattr(rescoring, name, partial(wait_and_look, getattr(rescoring, name)))


def _together(*actions: Callable[[], object]) -> None:
    with ThreadPoolExecutor(len(actions)) as pool:
        for ended in [pool.submit(action) for action in actions]:
            ended.result(30)


def test_last_two_scores_stored_at_once_change_the_version(
    phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = make_finished(phase, 0.1)
    request_rescoring(phase)
    _look_as_late_as_can_be(monkeypatch)
    _together(lambda: record_rescored(submission.id), lambda: record_rescored(None))
    assert read_phase(phase).scoring_version == NEW


def test_submission_that_finishes_while_the_last_score_is_stored_is_never_left_out(
    phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish() -> None:
        with db.transaction() as session:
            submissions.record_score(session, late.id, Score(**numbers(0.1)))

    late = make_scoring(phase)
    request_rescoring(phase)
    _look_as_late_as_can_be(monkeypatch)
    _together(finish, lambda: record_rescored(None))
    finished = read_submission(late.id).state is SubmissionState.FINISHED
    assert read_phase(phase).scoring_version == (OLD if finished else NEW)
    assert asked_for() == ([late.id] if finished else [])
