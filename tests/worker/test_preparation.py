"""From a new phase to one that is ready: what is stored, what is reused, and what a wrong plan does."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import delete, select

from core import db, references
from core.lifecycle import PhaseState
from core.models import Baseline, Phase
from core.storage import storage
from faces.bundle import Bundle, pack
from tests.support.bundles import make_bundle, unlabelled
from tests.support.competition import make_phase
from tests.support.running import TINY_PHASE
from worker import preparation


def _baselines() -> dict[str, Baseline]:
    with db.reading() as session:
        return {baseline.name: baseline for baseline in session.scalars(select(Baseline))}


def test_preparation_stores_models_and_baselines_and_opens_the_phase(tiny_phase: Phase) -> None:
    assert tiny_phase.state is PhaseState.READY
    with db.reading() as session:
        phase = session.get_one(Phase, tiny_phase.id)
        assert references.preparation_progress(session, phase) == (7, 7)
    baselines = _baselines()
    assert set(baselines) == {"ceiling", "floor"}
    assert baselines["floor"].forgetting_quality == 0.0
    assert tiny_phase.architecture == {"name": "resnet18", "width": 4, "n_classes": 10}


def test_preparation_secret_part_is_not_in_the_participant_part(tiny_phase: Phase) -> None:
    parts = preparation.parts_of(tiny_phase)
    bundle = preparation.load_bundle(parts)
    participant = storage().get(parts.participant)
    assert bundle.retain.images[0].tobytes() in participant
    assert not any(image.tobytes() in participant for image in bundle.test.images)


def test_preparation_stores_the_time_of_a_retraining(
    home: Path, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "time", Mock(monotonic=Mock(side_effect=[100.0, 120.0])))
    phase = make_phase(ready=False, **TINY_PHASE)
    deliver()
    with db.reading() as session:
        prepared = session.get_one(Phase, phase.id)
    bundle = preparation.load_bundle(preparation.parts_of(prepared))
    share = len(bundle.retain) / (len(bundle.retain) + len(bundle.forget))
    assert prepared.retraining_s == pytest.approx(20.0 * share)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dataset": {"kind": "photographs"}}, "dataset kind must be one of synthetic, bundle, not"),
        ({"dataset": {"kind": "synthetic", "people": 3}}, "people"),
        ({"architecture": {"width": 0}}, "width must be a whole number >= 1"),
        ({"architecture": {"n_classes": 5}}, "n_classes must be 10, the number of age groups, not 5"),
        ({"recipe": {"epochs": "many"}}, "epochs"),
        ({"recipe": {"batch_size": 512, "drop_last": True}}, "to train with this recipe takes at least 512"),
    ],
)
def test_prepare_phase_wrong_plan_breaks_the_phase_and_says_why(
    home: Path, deliver: Callable[[], None], changes: dict[str, object], problem: str
) -> None:
    phase = make_phase(ready=False, **TINY_PHASE | changes)
    deliver()
    with db.reading() as session:
        broken = session.get_one(Phase, phase.id)
    assert broken.state is PhaseState.BROKEN
    assert problem in broken.problem


def test_prepare_phase_over_a_stored_bundle_takes_it_as_it_is(
    home: Path, deliver: Callable[[], None]
) -> None:
    packed = pack(make_bundle())
    hashes = {part: storage().put(content) for part, content in packed._asdict().items()}
    phase = make_phase(ready=False, **TINY_PHASE | {"dataset": {"kind": "bundle", **hashes}})
    deliver()
    with db.reading() as session:
        prepared = session.get_one(Phase, phase.id)
    assert prepared.state is PhaseState.READY
    assert vars(preparation.parts_of(prepared)) == hashes


@pytest.mark.parametrize(
    ("bundle", "changes", "problem"),
    [
        (unlabelled(make_bundle()), {}, "the bundle is unlabelled"),
        (make_bundle(), {"secret": "participant"}, "the secret part is not the one that the manifest"),
        (make_bundle(), {"path": "manifest"}, "unexpected keyword argument 'path'"),
    ],
)
def test_prepare_phase_over_a_bundle_that_it_cannot_use_breaks_the_phase(
    home: Path, deliver: Callable[[], None], bundle: Bundle, changes: dict[str, str], problem: str
) -> None:
    hashes = {part: storage().put(content) for part, content in pack(bundle)._asdict().items()}
    dataset = {"kind": "bundle", **hashes, **{key: hashes[part] for key, part in changes.items()}}
    phase = make_phase(ready=False, **TINY_PHASE | {"dataset": dataset})
    deliver()
    with db.reading() as session:
        broken = session.get_one(Phase, phase.id)
    assert broken.state is PhaseState.BROKEN
    assert problem in broken.problem


def _ask_again(phase: Phase) -> None:
    """Have a phase whose models are all there prepared again, as after baselines that failed."""
    with db.transaction() as session:
        session.execute(delete(Baseline))
        session.get_one(Phase, phase.id).state = PhaseState.BROKEN
        references.request(session, phase.id)


def test_models_of_another_version_are_made_anew_even_if_only_baselines_are_missing(
    tiny_phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "TRAINER_VERSION", "another")
    _ask_again(tiny_phase)
    deliver()
    with db.reading() as session:
        again = session.get_one(Phase, tiny_phase.id)
    assert again.state is PhaseState.READY
    assert again.reference_key != tiny_phase.reference_key
    assert set(_baselines()) == {"ceiling", "floor"}


def test_damaged_evaluation_is_made_anew(tiny_phase: Phase, deliver: Callable[[], None], home: Path) -> None:
    with db.reading() as session:
        sha256 = references.trained_models(session, tiny_phase)[references.CEILING_SET][1]
    (home / "storage" / "sha256" / sha256[:2] / sha256).write_bytes(b"damaged")
    _ask_again(tiny_phase)
    deliver()
    with db.reading() as session:
        assert session.get_one(Phase, tiny_phase.id).state is PhaseState.READY
        assert references.trained_models(session, tiny_phase)[references.CEILING_SET][1] == sha256
    assert storage().get(sha256)
