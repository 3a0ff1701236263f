"""Quotas: what counts, when a day begins, and that the last slot is given away once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from core import competitions, db, quotas, reruns, submissions
from core.errors import IdempotencyKeyReusedError, QuotaExceededError
from core.lifecycle import Verdict
from core.models import Phase, Submission, TeamQuota
from core.quotas import Quotas, Usage
from tests.support.rules import (
    CLOSES,
    OPENS,
    at_once,
    finish,
    finished,
    make_phases,
    make_user,
    run,
    upload,
)

pytestmark = pytest.mark.usefixtures("home", "sent")
on_both_databases = pytest.mark.usefixtures("installation")

FREE = (Verdict.PLATFORM_ERROR, Verdict.INVALID_SUBMISSION)


def _usage(submission: Submission) -> Usage:
    with db.reading() as session:
        return quotas.usage(session, session.get_one(Phase, submission.phase_id), submission.team_id)


def _cancel(submission_id: UUID) -> None:
    with db.transaction() as session:
        submissions.cancel(session, submission_id, actor=make_user("ann"))


def test_without_quotas_anything_goes() -> None:
    make_phases()
    for number in range(5):
        last = upload("ann", number)
    assert (_usage(last).total.limit, _usage(last).total.used, _usage(last).total.left) == (None, 5, None)


@on_both_databases
def test_daily_quota_resets_at_midnight_utc_and_says_so() -> None:
    make_phases({"quotas": {"per_day": 2}})
    with time_machine.travel(datetime(2023, 7, 3, 23, 59, 30, tzinfo=UTC), tick=False) as clock:
        upload("ann", 1)
        last = upload("ann", 2)
        with pytest.raises(
            QuotaExceededError, match=r"2 submissions a day in P0.*2023-07-04 00:00:00 UTC"
        ) as refused:
            upload("ann", 3)
        assert refused.value.retry_after_s == 30
        assert upload("bob", 1).team_id != last.team_id
        clock.shift(timedelta(seconds=29, microseconds=999_999))
        with pytest.raises(QuotaExceededError):
            upload("ann", 3)
        clock.shift(timedelta(microseconds=1))
        upload("ann", 3)  # at midnight exactly
        assert _usage(last).per_day == quotas.Allowance(2, 1, datetime(2023, 7, 5, tzinfo=UTC))


def test_day_of_local_clocks_does_not_matter_when_they_change() -> None:
    """Berlin's day of 29 October 2023 has 25 hours; a UTC day has 24."""
    make_phases({"quotas": {"per_day": 1}, "start": "2023-10-29T00:30:00+02:00"})
    with time_machine.travel(datetime.fromisoformat("2023-10-29T01:30:00+02:00"), tick=False) as clock:
        upload("ann", 1)  # 23:30 UTC
        clock.move_to(datetime.fromisoformat("2023-10-29T02:30:00+02:00"))
        upload("ann", 2)  # 00:30 UTC
        clock.move_to(datetime.fromisoformat("2023-10-29T02:30:00+01:00"))
        with pytest.raises(QuotaExceededError):
            upload("ann", 3)  # 01:30 UTC, an hour later


def test_clock_that_is_set_back_gives_no_other_day() -> None:
    make_phases({"quotas": {"per_day": 1}})
    with time_machine.travel(datetime(2023, 7, 4, 0, 0, 5, tzinfo=UTC), tick=False) as clock:
        upload("ann", 1)
        clock.shift(timedelta(seconds=-10))
        with pytest.raises(QuotaExceededError):
            upload("ann", 2)


def test_total_quota_never_resets() -> None:
    make_phases({"quotas": {"total": 1}})
    upload("ann", 1)
    later = time_machine.travel(datetime.now(UTC) + timedelta(days=400))
    with later, pytest.raises(QuotaExceededError, match="1 submissions of P0: the total quota") as refused:
        upload("ann", 2)
    assert refused.value.retry_after_s is None


def test_concurrent_quota_is_free_when_a_submission_has_ended() -> None:
    make_phases({"quotas": {"concurrent": 1}})
    first = upload("ann", 1)
    with pytest.raises(QuotaExceededError, match="1 submissions under way") as refused:
        upload("ann", 2)
    assert refused.value.retry_after_s == 60
    finish(first.id)
    second = upload("ann", 2)
    _cancel(second.id)
    upload("ann", 3)


@pytest.mark.parametrize("verdict", FREE)
def test_what_the_platform_failed_at_or_could_not_load_does_not_count(verdict: Verdict) -> None:
    make_phases({"quotas": {"total": 1, "per_day": 1, "concurrent": 1}})
    run(upload("ann", 1).id, verdict)
    assert _usage(upload("ann", 2)).total.used == 1


@pytest.mark.parametrize(
    "verdict", sorted(set(Verdict) - {Verdict.OK, Verdict.PLATFORM_ERROR, Verdict.INVALID_SUBMISSION})
)
def test_every_other_failure_counts(verdict: Verdict) -> None:
    make_phases({"quotas": {"total": 1}})
    run(upload("ann", 1).id, verdict)
    with pytest.raises(QuotaExceededError):
        upload("ann", 2)


def test_cancelled_does_not_count() -> None:
    make_phases({"quotas": {"total": 1}})
    _cancel(upload("ann", 1).id)
    upload("ann", 1)
    with pytest.raises(QuotaExceededError):
        upload("ann", 2)


@on_both_databases
def test_reruns_and_migrated_submissions_do_not_count() -> None:
    make_phases({"quotas": {"total": 1}})
    first = finished("ann", 1)
    with db.transaction() as session:
        again = reruns.rerun(session, first.id, actor=make_user("olga"))
    finish(again.id)
    assert _usage(first).total.used == 1
    with db.transaction() as session:
        session.get_one(Submission, first.id).origin_id = again.id
    assert _usage(first).total.used == 0


def test_same_bytes_cost_nothing_even_over_quota() -> None:
    make_phases({"quotas": {"total": 1}})
    first = upload("ann", 1)
    assert upload("ann", 1).id == first.id
    assert upload("ann", 1, key="k").id == first.id


@on_both_databases
def test_quota_of_a_team_replaces_what_it_names() -> None:
    make_phases({"quotas": {"total": 1, "per_day": 7}})
    first = upload("ann", 1)
    with db.transaction() as session:
        session.add(TeamQuota(phase_id=first.phase_id, team_id=first.team_id, total=2))
    upload("ann", 2)
    with pytest.raises(QuotaExceededError, match="used its 2 submissions"):
        upload("ann", 3)
    used = _usage(first)
    assert (used.total.limit, used.per_day.limit, used.concurrent.limit) == (2, 7, None)
    assert (used.total.left, used.per_day.left) == (0, 5)


@on_both_databases
def test_last_slot_goes_to_exactly_one_of_many_at_the_same_instant() -> None:
    make_phases({"quotas": {"per_day": 3}})
    first = upload("ann", 1)
    results = at_once(*(lambda n=number: upload("ann", n) for number in range(2, 8)))
    assert sum(isinstance(one, Submission) for one in results) == 2
    assert sum(isinstance(one, QuotaExceededError) for one in results) == 4
    assert _usage(first).per_day.used == 3


@on_both_databases
def test_key_gives_the_first_answer_and_refuses_other_content() -> None:
    make_phases({}, {})
    first = upload("ann", 1, key="k")
    assert upload("ann", 1, key="k").id == first.id
    _cancel(first.id)
    assert upload("ann", 1, key="k").id == first.id, "even though the bytes alone would count anew"
    for number, phase in ((2, "p0"), (1, "p1")):
        with pytest.raises(IdempotencyKeyReusedError):
            upload("ann", number, phase=phase, key="k")
    assert upload("bob", 2, key="k").id != first.id, "a key is its user's own"


@on_both_databases
def test_key_at_once_is_one_submission() -> None:
    make_phases()
    make_user("ann")
    results = at_once(*(lambda: upload("ann", 1, key="k") for _ in range(4)))
    assert len({one.id for one in results if isinstance(one, Submission)}) == 1
    assert all(isinstance(one, Submission) for one in results)


@pytest.mark.parametrize(
    ("wanted", "now", "most"),
    [
        ({}, OPENS, None),
        ({"per_day": 5}, OPENS, 5),
        ({"per_day": 5}, OPENS + timedelta(days=1, microseconds=-1), 5),
        ({"per_day": 5}, OPENS + timedelta(days=1), 10),
        ({"per_day": 5, "total": 7}, OPENS + timedelta(days=1), 7),
        ({"per_day": 5}, CLOSES + timedelta(days=9), 5 * 31),
        ({"per_day": 5}, OPENS - timedelta(days=9), 0),
    ],
)
def test_most_by_now_is_what_one_team_could_have_made(
    wanted: dict[str, int], now: datetime, most: int | None
) -> None:
    phase = Phase(opens_at=OPENS, closes_at=CLOSES)
    assert quotas.most_by_now(phase, Quotas(**wanted), now=now) == most


def test_phase_that_closed_while_an_upload_was_read_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make_phases({"start": OPENS, "end": CLOSES})
    with time_machine.travel(CLOSES - timedelta(seconds=1), tick=False) as clock:
        hold = competitions.hold
        monkeypatch.setattr(competitions, "hold", lambda *given: (clock.move_to(CLOSES), hold(*given))[1])
        with pytest.raises(competitions.PhaseClosedError, match="closed at 2023-08-01 00:00:00 UTC"):
            upload("ann", 1)
