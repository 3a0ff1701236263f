"""Reference models: stored one by one, resumed where they are missing, never taken from another recipe."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from safetensors.torch import load
from sqlalchemy import delete, select

from core import competitions, db, queue, shards
from core import references as known
from core.errors import StorageError
from core.lifecycle import PhaseState
from core.models import Phase, ReferenceModel, Shard, Work
from core.storage import Storage, storage
from faces.bundle import pack
from faces.synthetic import SyntheticFaces, render
from submissions_sandbox.architectures import Architecture
from tests.support.competition import make_phase
from tests.support.running import TINY_PHASE
from training.evaluation import Evaluation, Evaluator
from worker import preparation, references, sweeper, tasks
from worker.lease import Lease
from worker.preparation import load_bundle, parts_of, plan_of, reference_key

PLAN = TINY_PHASE | {"recipe": {"epochs": 1, "batch_size": 16}}
GPU_SHARDS = {"cpu": 8, "cuda": 8}


def _stored() -> dict[tuple[int, int], str]:
    """Return the evaluations of all reference models that are stored, by set and index."""
    with db.reading() as session:
        models = session.scalars(select(ReferenceModel)).all()
    return {(model.set_index, model.model_index): model.evaluation_sha256 for model in models}


def _read(phase: Phase) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, phase.id)


def _forget(*models: tuple[int, int]) -> None:
    """Delete reference models of a phase that is ready, and have the phase prepared again."""
    with db.transaction() as session:
        for set_index, index in models:
            session.execute(
                delete(ReferenceModel).where(
                    ReferenceModel.set_index == set_index, ReferenceModel.model_index == index
                )
            )
        phase = session.scalars(select(Phase)).one()
        phase.state = PhaseState.BROKEN
        known.request(session, phase.id)


@pytest.fixture(autouse=True)
def _opens_without_baselines(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_phase(lease: Lease) -> None:
        with db.transaction() as session:
            competitions.open_with_baselines(session, lease.shard.phase_id, [])
            shards.finish(session, lease.shard.id, holder=lease.holder)

    monkeypatch.setitem(tasks._DO, Work.BASELINES, open_phase)


@pytest.fixture
def phase(home: Path, deliver: Callable[[], None]) -> Phase:
    """A tiny phase with its original and reference models, ready but for baselines."""
    made = make_phase(ready=False, **PLAN)
    deliver()
    return _read(made)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of models that the trainer was asked for."""
    counts: list[int] = []

    def count(*arguments: Any, seeds: list[int], **options: Any) -> Iterator[Any]:
        counts.append(len(seeds))
        return train_many(*arguments, seeds=seeds, **options)

    train_many = references.train_many
    monkeypatch.setattr(references, "train_many", count)
    return counts


def test_reference_models_differ_from_each_other(phase: Phase) -> None:
    stored = _stored()
    assert len(set(stored.values())) == len(stored) == 6
    evaluation = Evaluation.from_bytes(storage().get(stored[0, 0]))
    assert evaluation.forget_logits.shape == (8, 10)
    with db.reading() as session:
        assert set(session.scalars(select(ReferenceModel.weights_sha256))) == {None}


def test_missing_models_alone_are_trained_and_come_out_the_same(
    phase: Phase, deliver: Callable[[], None], trained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _stored()
    monkeypatch.setattr(known, "_MODELS_PER_SHARD", GPU_SHARDS)
    _forget((0, 0), (0, 2), (1, 1))
    deliver()
    assert trained == [2, 1]  # one shard covers 0 … 2 of the first set, of which 1 is there
    assert _stored() == expected
    assert _read(phase).state is PhaseState.READY


def test_each_model_is_stored_before_the_next_is_trained(
    phase: Phase,
    sent: list[queue.Message],
    deliver: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    empty_queues: None,
) -> None:
    """A shard of three whose trainer dies at the second: the failure counts anew after every model."""
    expected = _stored()
    monkeypatch.setattr(known, "_MODELS_PER_SHARD", GPU_SHARDS)
    _forget(*expected)
    train_many = references.train_many

    def one_then_death(*arguments: Any, **options: Any) -> Iterator[Any]:
        yield next(train_many(*arguments, **options))
        raise MemoryError("the device is full")

    monkeypatch.setattr(references, "train_many", one_then_death)
    for done in (2, 4, 6):  # one more of each set
        deliver()
        assert len(_stored()) == done
        sweeper.sweep()
    deliver()
    assert _stored() == expected
    assert _read(phase).state is PhaseState.READY


def test_reference_that_always_dies_breaks_the_phase_until_asked_for_again(
    phase: Phase,
    sent: list[queue.Message],
    deliver: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    empty_queues: None,
) -> None:
    expected = _stored()
    _forget((1, 1))
    with monkeypatch.context() as patched:
        patched.setattr(Storage, "put", Mock(side_effect=StorageError("no space left on device")))
        for _ in range(3):
            assert _read(phase).state is PhaseState.PREPARING
            deliver()
            sweeper.sweep()
    broken = _read(phase)
    assert broken.state is PhaseState.BROKEN
    assert broken.problem == "references failed 3 times in a row; no space left on device"
    assert (1, 1) not in _stored()
    with db.transaction() as session:
        known.request(session, phase.id)
    deliver()
    assert _stored() == expected
    assert _read(phase).state is PhaseState.READY


def test_weights_are_kept_where_the_phase_says_so(home: Path, deliver: Callable[[], None]) -> None:
    phase = make_phase(ready=False, **PLAN | {"keep_reference_weights": True})
    deliver()
    with db.reading() as session:
        model = session.scalars(select(ReferenceModel)).first()
    assert model is not None
    assert model.weights_sha256 is not None
    bundle = load_bundle(parts_of(_read(phase)))
    state = load(storage().get(model.weights_sha256))
    evaluation = Evaluator(bundle, Architecture(width=4)).evaluate(state)
    assert storage().get(model.evaluation_sha256) == evaluation.to_bytes()


def _row(**changes: Any) -> Phase:
    row = {"slug": "check", "dataset": {"kind": "synthetic"}, "architecture": {}, "recipe": {}, "limits": {}}
    return Phase(**row | changes)


def _key(*, manifest_sha256: str = "a" * 64, **changes: Any) -> str:
    phase = _row(**changes)
    return reference_key(phase, plan_of(phase), manifest_sha256)


@pytest.mark.parametrize(
    "changes",
    [
        {"manifest_sha256": "b" * 64},
        {"architecture": {"width": 4}},
        {"recipe": {"epochs": 2}},
        {"recipe": {"class_weights": False}},
        {"limits": {"device": "cuda"}},
    ],
)
def test_reference_key_differs_with_all_that_a_model_is_made_from(changes: dict[str, Any]) -> None:
    assert _key(**changes) != _key()


@pytest.mark.parametrize("version", ["TRAINER_VERSION", "EVALUATOR_VERSION"])
def test_reference_key_differs_with_the_versions(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _key()
    monkeypatch.setattr(preparation, version, "another")
    assert _key() != before


def test_reference_key_does_not_depend_on_what_changes_no_model() -> None:
    assert _key(slug="other", n_models=7, secret=b"s", limits={"run_timeout_s": 5}) == _key()


def test_manifest_differs_with_the_split(home: Path) -> None:
    faces = {key: value for key, value in TINY_PHASE["dataset"].items() if key != "kind"}
    one, other = (pack(render(SyntheticFaces(**faces | {"n_forget_people": n}))) for n in (4, 5))
    assert one.manifest != other.manifest


def test_another_version_of_the_trainer_mixes_with_nothing_that_is_stored(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch, trained: list[int]
) -> None:
    """Half of the references were trained by the version before: all are trained anew."""
    old_key = phase.reference_key
    _forget((0, 0), (1, 1))
    monkeypatch.setattr(preparation, "TRAINER_VERSION", "another")
    deliver()
    again = _read(phase)
    assert again.state is PhaseState.READY
    assert again.reference_key != old_key
    assert trained == [1] * 6
    with db.reading() as session:
        made = session.scalars(select(ReferenceModel).where(ReferenceModel.reference_key == old_key)).all()
        assert len(made) == 4
        assert session.scalars(select(Shard.id).where(Shard.done.is_(False))).all() == []
        preparations = select(Shard.id).where(Shard.work == Work.PREPARATION)
        assert len(session.scalars(preparations).all()) == 2
