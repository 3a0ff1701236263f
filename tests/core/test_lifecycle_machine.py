"""Any order of what participants, workers, organizers and the clock can do, beside a model of the rules."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from uuid import UUID

import pytest
import time_machine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from core import competitions, db, quotas, reruns, selection, submissions
from core.bundle.spec import CompetitionSpec
from core.errors import (
    CancellationRefusedError,
    PhaseClosedError,
    QuotaExceededError,
    RerunRefusedError,
    SelectionRefusedError,
)
from core.intake import Upload
from core.lifecycle import ENDED, PhaseState, SubmissionState, Verdict
from core.models import Phase, Score, Submission, User
from core.submissions import RunResult
from tests.support.competition import HONEST, numbers
from tests.support.rules import make_user

N_MODELS, PER_DAY, TOTAL, CONCURRENT, MOST_SELECTED = 3, 2, 5, 2, 2
OPENS = datetime(2023, 3, 25, 12, tzinfo=UTC)  # the weekend on which clocks go forward in Europe
CLOSES = OPENS + timedelta(days=3)
_FREE = (Verdict.PLATFORM_ERROR, Verdict.INVALID_SUBMISSION)
_serial = count()


@dataclass
class Model:
    """What a submission should be like."""

    id: UUID
    number: int
    created_at: datetime
    rerun_of: "Model | None" = None
    state: SubmissionState = SubmissionState.QUEUED
    verdict: Verdict | None = None
    n_runs: int = 0
    superseded: bool = False
    disqualified: bool = False
    selected: bool = False

    @property
    def counts(self) -> bool:
        """Whether it costs quota."""
        return (
            self.rerun_of is None
            and self.state is not SubmissionState.CANCELLED
            and self.verdict not in _FREE
        )

    @property
    def answers(self) -> bool:
        """Whether the same bytes again are this submission."""
        return (
            not self.superseded
            and self.state is not SubmissionState.CANCELLED
            and self.verdict is not Verdict.PLATFORM_ERROR
        )

    @property
    def waits(self) -> bool:
        """Whether it is a rerun that does not count yet."""
        return self.rerun_of is not None and self.state not in ENDED

    def end(self, state: SubmissionState, verdict: Verdict | None) -> None:
        """End it, and let it take the place of what it repeats."""
        self.state, self.verdict = state, verdict
        if self.rerun_of is None or verdict in {None, Verdict.PLATFORM_ERROR}:
            return
        before = self.rerun_of
        before.superseded = True
        self.selected, before.selected = before.selected, False
        self.disqualified = self.disqualified or before.disqualified


class Machine(RuleBasedStateMachine):
    """One team in one phase with quotas, and everything that can happen to its submissions."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = time_machine.travel(OPENS, tick=False)
        self.traveller = self.clock.start()
        self.now = OPENS
        self.models: list[Model] = []
        self.user = make_user("ann")
        with db.transaction() as session:
            self.organizer = session.get_one(User, make_user("olga").id)
            self.organizer.is_admin = True
        shared = {"n_models": N_MODELS, "dataset": {"kind": "synthetic"}}
        limited = {"per_day": PER_DAY, "total": TOTAL, "concurrent": CONCURRENT}
        following = {"start": CLOSES, "auto_migrate_to_this_phase": True, "max_selected": MOST_SELECTED}
        phases = [
            {"slug": "a", "name": "A", "start": OPENS, "end": CLOSES, "quotas": limited, **shared},
            {"slug": "b", "name": "B", **following, **shared},
        ]
        spec = {"version": 2, "slug": f"machine-{next(_serial)}", "title": "M", "phases": phases}
        with db.transaction() as session:
            made = competitions.create(session, CompetitionSpec.model_validate(spec))
            made.phases[0].state = PhaseState.READY
            self.phase_id = made.phases[0].id

    def teardown(self) -> None:
        """Let time pass again."""
        self.clock.stop()

    def _used(self) -> tuple[int, int, int]:
        counted = [one for one in self.models if one.counts]
        today = [one for one in counted if one.created_at.date() >= self.now.date()]
        return len(today), len(counted), sum(one.state not in ENDED for one in counted)

    def _add(self, model: Model) -> None:
        self.models.append(model)
        self.time_passes(0, 1)  # no two at the same instant: which one came first is asked for

    def _pick(self, index: int) -> Model | None:
        return self.models[index % len(self.models)] if self.models else None

    @rule(hours=st.sampled_from([-5, 1, 7, 13, 24]), beside=st.sampled_from([0, 1, -1]))
    def time_passes(self, hours: int, beside: int) -> None:
        self.now += timedelta(hours=hours, microseconds=beside)
        self.traveller.move_to(self.now)

    @rule(number=st.integers(0, 6))
    def upload(self, number: int) -> None:
        source = HONEST + f"# {number}\n".encode()
        try:
            with db.transaction() as session:
                phase = session.get_one(Phase, self.phase_id)
                receipt = submissions.accept(session, phase, self.user, Upload("a.py", BytesIO(source)))
        except PhaseClosedError:
            assert not OPENS <= self.now < CLOSES
            return
        except QuotaExceededError:
            assert not any(one.number == number and one.answers for one in self.models)
            today, total, under_way = self._used()
            assert total >= TOTAL or today >= PER_DAY or under_way >= CONCURRENT
            return
        assert OPENS <= self.now < CLOSES
        same = [one for one in self.models if one.number == number and one.answers]
        if same:
            assert not receipt.created
            assert receipt.submission.id == min(same, key=lambda one: (one.waits, one.created_at)).id
            return
        today, total, under_way = self._used()
        assert (today < PER_DAY, total < TOTAL, under_way < CONCURRENT) == (True, True, True)
        assert receipt.created
        self._add(Model(receipt.submission.id, number, self.now))

    @rule(index=st.integers(0, 30))
    def begin(self, index: int) -> None:
        model = self._pick(index)
        if model is None:
            return
        with db.transaction() as session:
            wanted = submissions.begin(session, model.id)
        if model.state is SubmissionState.QUEUED:
            model.state = SubmissionState.RUNNING
        assert wanted is (model.state is SubmissionState.RUNNING)

    @rule(index=st.integers(0, 30), verdict=st.sampled_from([Verdict.OK] * 4 + [Verdict.TIMEOUT, *_FREE]))
    def run_ends(self, index: int, verdict: Verdict) -> None:
        model = self._pick(index)
        if model is None:
            return
        with db.transaction() as session:
            submissions.record_run(session, model.id, model.n_runs, RunResult(verdict, seconds=1.0))
        if model.state is not SubmissionState.RUNNING:
            return
        model.n_runs += 1
        if verdict is not Verdict.OK:
            model.end(SubmissionState.FAILED, verdict)
        elif model.n_runs == N_MODELS:
            model.state = SubmissionState.SCORING

    @rule(number=st.integers(0, 2), index=st.integers(0, 30), selected=st.booleans())
    def repeated_walk(self, number: int, index: int, *, selected: bool) -> None:
        """What chance seldom gets to: a submission is finished, run again to its end, and sent again."""
        self.whole_walk(index)
        if selected:
            self.select(index)
        n_before = len(self.models)
        self.rerun(index)
        if len(self.models) > n_before:
            self.whole_walk(n_before)
        self.upload(number)

    @rule(index=st.integers(0, 30))
    def whole_walk(self, index: int) -> None:
        self.begin(index)
        for _ in range(N_MODELS):
            self.run_ends(index, Verdict.OK)
        self.score(index)

    @rule(index=st.integers(0, 30))
    def score(self, index: int) -> None:
        model = self._pick(index)
        if model is None or model.state is not SubmissionState.SCORING:
            return
        with db.transaction() as session:
            assert submissions.record_score(session, model.id, Score(**numbers(0.1)))
        model.end(SubmissionState.FINISHED, Verdict.OK)

    @rule(index=st.integers(0, 30))
    def platform_gives_up(self, index: int) -> None:
        model = self._pick(index)
        if model is None:
            return
        with db.transaction() as session:
            submissions.give_up(session, model.id)
        if model.state not in ENDED:
            model.end(SubmissionState.FAILED, Verdict.PLATFORM_ERROR)

    @rule(index=st.integers(0, 30), organizes=st.booleans())
    def cancel(self, index: int, organizes: bool) -> None:
        model = self._pick(index)
        if model is None:
            return
        under_way = model.state in {SubmissionState.QUEUED, SubmissionState.RUNNING}
        legal = under_way and (organizes or model.rerun_of is None)
        actor = self.organizer if organizes else self.user
        try:
            with db.transaction() as session:
                submissions.cancel(session, model.id, actor=actor)
        except CancellationRefusedError:
            assert not legal
            return
        assert legal
        model.end(SubmissionState.CANCELLED, None)

    @rule(index=st.integers(0, 30))
    def rerun(self, index: int) -> None:
        model = self._pick(index)
        if model is None:
            return
        running = [one for one in self.models if one.rerun_of is model and one.state not in ENDED]
        legal = model.state in ENDED and not model.superseded and not running
        try:
            with db.transaction() as session:
                again = reruns.rerun(session, model.id, actor=self.user)
        except RerunRefusedError:
            assert not legal
            return
        assert legal
        self._add(Model(again.id, model.number, model.created_at, rerun_of=model))

    @rule(index=st.integers(0, 30), restore=st.booleans())
    def rule_on(self, index: int, *, restore: bool) -> None:
        model = self._pick(index)
        if model is None:
            return
        with db.transaction() as session:
            if restore:
                reruns.restore(session, model.id, actor=self.user)
            else:
                reruns.disqualify(session, model.id, actor=self.user, reason="why")
        model.disqualified = not restore

    @rule(index=st.integers(0, 30))
    def select(self, index: int) -> None:
        model = self._pick(index)
        if model is None:
            return
        standing = [one for one in self.models if one.selected and self._stands(one)]
        legal = self.now < CLOSES and (
            model.selected or (self._stands(model) and len(standing) < MOST_SELECTED)
        )
        try:
            with db.transaction() as session:
                selection.select_submission(session, model.id)
        except SelectionRefusedError:
            assert not legal
            return
        assert legal
        model.selected = True

    @staticmethod
    def _stands(model: Model) -> bool:
        return model.state is SubmissionState.FINISHED and not model.superseded and not model.disqualified

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        with db.reading() as session:
            for model in self.models:
                found = session.get_one(Submission, model.id)
                assert (found.state, found.verdict) == (model.state, model.verdict)
                assert (found.ended_at is not None) is (model.state in ENDED)
                assert (found.superseded_at is not None) is model.superseded
                assert (found.disqualified_at is not None) is model.disqualified
                assert (found.selected_at is not None) is model.selected
            if self.models:
                team_id = session.get_one(Submission, self.models[0].id).team_id
                used = quotas.usage(session, session.get_one(Phase, self.phase_id), team_id)
                assert (used.per_day.used, used.total.used, used.concurrent.used) == self._used()


@pytest.mark.usefixtures("home", "sent")
def test_nothing_that_happens_in_any_order_breaks_the_rules() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=30, stateful_step_count=25, deadline=None)
    )
