"""From a new phase to one that is ready: what is stored, what is reused, and what a wrong plan does."""

from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from sqlalchemy import select

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
    parts = preparation.BundleParts.of(tiny_phase)
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
    bundle = preparation.load_bundle(preparation.BundleParts.of(prepared))
    share = len(bundle.retain) / (len(bundle.retain) + len(bundle.forget))
    assert prepared.retraining_s == pytest.approx(20.0 * share)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dataset": {"kind": "photographs"}}, "dataset kind must be one of synthetic, bundle, not"),
        ({"dataset": {"kind": "synthetic", "people": 3}}, "people"),
        ({"architecture": {"width": 0}}, "width must be a whole number >= 1"),
        ({"recipe": {"epochs": "many"}}, "epochs"),
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
    assert vars(preparation.BundleParts.of(prepared)) == hashes


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
