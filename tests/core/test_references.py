"""The reference models of a phase: what is asked for, what is stored, and how long the rest will take."""

from collections.abc import Iterable
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import NoResultFound

from core import competitions, db, nodes, queue, references
from core.lifecycle import PhaseState
from core.models import Node, Phase, ReferenceModel, Shard, Work
from core.nodes import Proof
from core.references import CEILING_SET, REFERENCE_SET, Prepared
from tests.support.competition import make_phase

pytestmark = pytest.mark.usefixtures("installation")

KEY = "f" * 64
ALL = [(set_index, index) for set_index in (REFERENCE_SET, CEILING_SET) for index in range(4)]


@pytest.fixture
def phase(sent: list[queue.Message]) -> Phase:
    """A phase of N = 4 that is in preparation and has its original model."""
    made = make_phase(ready=False)
    _prepare(made)
    sent.clear()
    return made


def _prepare(phase: Phase) -> None:
    with db.transaction() as session:
        session.execute(update(Shard).where(Shard.work == Work.PREPARATION).values(done=True))
        prepared = Prepared({}, {}, *[KEY] * 6, retraining_s=50.0)
        references.set_prepared(session, phase.id, prepared)


def _store(models: Iterable[tuple[int, int]], *, seconds: float = 1.0) -> None:
    with db.transaction() as session:
        for set_index, index in models:
            references.record(session, _model(set_index, index, seconds=seconds))


def _model(set_index: int, index: int, *, seconds: float = 1.0, evaluation: str = KEY) -> ReferenceModel:
    return ReferenceModel(
        reference_key=KEY,
        set_index=set_index,
        model_index=index,
        evaluation_sha256=evaluation,
        seconds=seconds,
    )


def _request(phase_id: UUID) -> None:
    with db.transaction() as session:
        references.request(session, phase_id)


def _open(work: Work = Work.REFERENCES) -> list[tuple[int, int, int]]:
    """Return (set, start, stop) of the shards that are not done."""
    with db.reading() as session:
        query = select(Shard).where(Shard.work == work, Shard.done.is_(False))
        return sorted((shard.set_index, shard.start, shard.stop) for shard in session.scalars(query))


def _break(phase: Phase) -> None:
    with db.transaction() as session:
        competitions.mark_broken(session, phase.id, "references failed 3 times in a row")


def _read(phase: Phase) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, phase.id)


def test_prepared_phase_asks_for_every_model_of_both_sets(phase: Phase, sent: list[queue.Message]) -> None:
    assert _open() == [(set_index, index, index + 1) for set_index, index in ALL]
    for _ in range(2):
        _request(phase.id)
    assert sent == []
    assert len(_open()) == len(ALL)


def test_phase_that_finds_every_model_stored_asks_for_baselines_alone(sent: list[queue.Message]) -> None:
    _store(ALL)
    _prepare(make_phase(ready=False))
    assert _open() == []
    assert _open(Work.BASELINES) == [(0, 0, 1)]


def test_request_of_a_broken_phase_asks_for_what_is_missing_alone(
    phase: Phase, sent: list[queue.Message]
) -> None:
    _store([(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 2)])
    _break(phase)
    assert _open() == []
    for _ in range(2):
        _request(phase.id)
    assert _open() == [(1, 1, 2), (1, 3, 4)]
    assert [message.queue for message in sent] == [queue.RUNS_QUEUE] * 2
    assert (_read(phase).state, _read(phase).problem) == (PhaseState.PREPARING, "")


@pytest.mark.parametrize(
    ("is_prepared", "stored", "work"), [(False, [], Work.PREPARATION), (True, ALL, Work.BASELINES)]
)
def test_request_of_a_broken_phase_asks_for_the_step_that_failed(
    sent: list[queue.Message], is_prepared: bool, stored: list[tuple[int, int]], work: Work
) -> None:
    phase = make_phase(ready=False)
    if is_prepared:
        _prepare(phase)
    _store(stored)
    _break(phase)
    for _ in range(2):
        _request(phase.id)
    assert {kind: len(_open(kind)) for kind in Work} == {kind: int(kind is work) for kind in Work}


def test_request_of_a_ready_phase_changes_nothing(phase: Phase, sent: list[queue.Message]) -> None:
    with db.transaction() as session:
        session.execute(update(Shard).values(done=True))
        session.get_one(Phase, phase.id).state = PhaseState.READY
    _request(phase.id)
    assert sent == []
    assert _read(phase).state is PhaseState.READY


def test_request_on_a_gpu_gives_a_shard_several_models(sent: list[queue.Message]) -> None:
    phase = make_phase(ready=False, n_models=20, limits={"device": "cuda"})
    _prepare(phase)
    assert _open() == [(one, *part) for one in (0, 1) for part in ((0, 8), (8, 16), (16, 20))]
    _store([(0, index) for index in range(20) if index not in {9, 11}] + [(1, 19)])
    _break(phase)
    _request(phase.id)
    assert _open() == [(0, 9, 12), (1, 0, 8), (1, 8, 16), (1, 16, 19)]


def test_prepare_anew_takes_nothing_of_what_was_trained(phase: Phase, sent: list[queue.Message]) -> None:
    _store(ALL)
    with db.transaction() as session:
        locked = competitions.lock(session, phase.id)
        for _ in range(2):
            references.prepare_anew(session, locked)
        assert references.preparation_progress(session, locked) == (1, 9)
    assert _open(Work.PREPARATION) == [(0, 0, 1)]
    assert _open(Work.BASELINES) == []


def test_record_twice_keeps_the_first(phase: Phase) -> None:
    for evaluation in ("0" * 64, "1" * 64):
        with db.transaction() as session:
            references.record(session, _model(0, 3, evaluation=evaluation))
    with db.reading() as session:
        found = session.get_one(Phase, phase.id)
        assert references.trained_models(session, found) == {0: {3: "0" * 64}, 1: {}}
        assert references.preparation_progress(session, found) == (2, 9)


def test_record_what_the_database_refuses_raises() -> None:
    model = _model(0, 0)
    model.seconds = None
    with pytest.raises(NoResultFound), db.transaction() as session:
        references.record(session, model)


def _start_nodes(**slots: int) -> None:
    with db.transaction() as session:
        for name, count in slots.items():
            nodes.begin(session, name, slots=count)
            nodes.make_ready(session, name, Proof())


def _current(phase: Phase) -> references.References:
    with db.reading() as session:
        return references.current(session, session.get_one(Phase, phase.id))


def test_current_tells_the_time_left_from_the_median_and_the_slots(phase: Phase) -> None:
    _start_nodes(a=2, b=3, refusing=7, lost=11)
    with db.transaction() as session:
        nodes.refuse(session, "refusing", "no sandbox")
        session.execute(
            update(Node).where(Node.name == "lost").values(seen_at=nodes.utc_now().replace(year=2020))
        )
    _store([(0, 0)], seconds=100.0)
    _store([(0, 1), (1, 0)], seconds=3.0)
    _store([(0, 4)], seconds=1000.0)  # of a phase with more models
    assert vars(_current(phase)) == {
        "reference": (2, 4),
        "ceiling": (1, 4),
        "seconds_per_model": 3.0,
        "time_left_s": 3.0 * 5 / 5,
    }


def test_current_counts_the_hosts_that_have_the_device(sent: list[queue.Message]) -> None:
    phase = make_phase(ready=False, limits={"device": "cuda"})
    _prepare(phase)
    _store([(0, 0)], seconds=3.0)
    _start_nodes(cpu=7)
    assert _current(phase).time_left_s is None
    with db.transaction() as session:
        nodes.begin(session, "gpu", slots=2, gpus=("0", "1"))
        nodes.make_ready(session, "gpu", Proof())
    assert _current(phase).time_left_s == 3.0 * 7 / 2


def test_current_says_when_the_time_left_is_unknown(phase: Phase) -> None:
    _start_nodes(a=2)
    assert (_current(phase).seconds_per_model, _current(phase).time_left_s) == (None, None)
    _store([(0, 0)])
    assert _current(phase).time_left_s == 3.5
    _break(phase)
    assert _current(phase).time_left_s is None
    _request(phase.id)
    with db.transaction() as session:
        nodes.refuse(session, "a", "no sandbox")
    assert _current(phase).time_left_s is None
    _store(ALL)
    assert _current(phase).time_left_s == 0.0
