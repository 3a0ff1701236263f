"""Making a phase ready: its bundle, its original model, and its reference models."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self
from uuid import UUID

import numpy as np
import structlog
from safetensors.torch import save

from core import competitions, db, shards
from core.competitions import Prepared
from core.errors import InvalidCompetitionError
from core.models import Phase, ReferenceModel
from core.storage import storage
from faces.bundle import Bundle, InvalidBundleError, PackedBundle, pack, unpack
from faces.synthetic import SyntheticFaces, render
from submissions_sandbox.architectures import Architecture
from training.evaluation import EVALUATOR_VERSION, Evaluator
from training.recipe import Recipe
from training.train import train
from worker.lease import Lease

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Plan:
    """What the organizer asked for, checked and complete."""

    architecture: Architecture
    recipe: Recipe
    faces: "SyntheticFaces | BundleParts"

    @classmethod
    def of(cls, phase: Phase) -> Self:
        """Read the plan of a phase; keys that it leaves out have the challenge's values.

        Raises:
            InvalidCompetitionError: an unknown key or a value out of range.
        """
        dataset = dict(phase.dataset)
        kind = dataset.pop("kind", None)
        sources = {"synthetic": SyntheticFaces, "bundle": BundleParts}
        if kind not in sources:
            raise InvalidCompetitionError(f"dataset kind must be one of {', '.join(sources)}, not {kind!r}")
        try:
            return cls(
                architecture=Architecture(**phase.architecture),
                recipe=Recipe(**phase.recipe),
                faces=sources[kind](**dataset),
            )
        except (TypeError, ValueError) as error:
            raise InvalidCompetitionError(f"phase `{phase.slug}`: {error}") from error


def prepare_phase(lease: Lease) -> None:
    """Make the bundle and the original model of a phase, and enqueue its references."""
    phase_id = lease.shard.phase_id
    phase = _read_phase(phase_id)
    try:
        prepared = _prepare(phase, Plan.of(phase))
    except InvalidCompetitionError as error:
        log.error("phase_broken", phase_id=str(phase_id), problem=str(error))
        with db.transaction() as session:
            competitions.mark_broken(session, phase_id, str(error))
        return
    with db.transaction() as session:
        competitions.set_prepared(session, phase_id, prepared)
        shards.finish(session, lease.shard.id, holder=lease.holder)


def _prepare(phase: Phase, plan: Plan) -> Prepared:
    """Make the bundle, train and measure the original model, and store all of it."""
    bundle = _bundle(plan)
    packed = pack(bundle)
    original = train(
        np.concatenate([bundle.retain.images, bundle.forget.images]),
        np.concatenate([bundle.retain.age_group, bundle.forget.age_group]),
        architecture=plan.architecture,
        recipe=plan.recipe,
        seed=_seed(phase.secret, "original"),
    )
    evaluation = Evaluator(bundle, plan.architecture).evaluate(original)
    log.info(
        "original_trained",
        phase_id=str(phase.id),
        forget_accuracy=float(np.mean(evaluation.forget_logits.argmax(1) == bundle.forget.age_group)),
        retain_accuracy=evaluation.retain_accuracy,
        test_accuracy=evaluation.test_accuracy,
    )
    store = storage()
    return Prepared(
        architecture=plan.architecture.to_dict(),
        recipe=plan.recipe.to_dict(),
        participant_part_sha256=store.put(packed.participant),
        secret_part_sha256=store.put(packed.secret),
        manifest_sha256=store.put(packed.manifest),
        original_sha256=store.put(save(original)),
        original_evaluation_sha256=store.put(evaluation.to_bytes()),
        reference_key=_reference_key(packed, plan),
    )


def _bundle(plan: Plan) -> Bundle:
    """Draw or load the faces that a plan names; `InvalidCompetitionError` if a phase cannot use them."""
    if isinstance(plan.faces, SyntheticFaces):
        return render(plan.faces)
    try:
        bundle = load_bundle(plan.faces)
    except InvalidBundleError as error:
        raise InvalidCompetitionError(f"the bundle is not valid: {error}") from error
    if not bundle.is_labelled:
        raise InvalidCompetitionError("the bundle is unlabelled; `lethe dataset label` gives it age groups")
    return bundle


def train_references(lease: Lease) -> None:
    """Train, evaluate and store the reference models of a shard, each as soon as it is there."""
    shard = lease.shard
    phase = _read_phase(shard.phase_id)
    plan, bundle = Plan.of(phase), load_bundle(BundleParts.of(phase))
    assert phase.reference_key is not None
    with db.reading() as session:
        stored = competitions.trained_models(session, phase.reference_key)[shard.set_index]
    for model_index in range(shard.start, shard.stop):
        if model_index not in stored:
            lease.check()
            _train_reference(phase, plan, bundle, set_index=shard.set_index, model_index=model_index)
    with db.transaction() as session:
        locked = competitions.lock(session, phase.id)
        shards.finish(session, shard.id, holder=lease.holder)
        competitions.request_baselines_if_complete(session, locked)


def _train_reference(phase: Phase, plan: Plan, bundle: Bundle, *, set_index: int, model_index: int) -> None:
    started = time.monotonic()
    state = train(
        bundle.retain.images,
        bundle.retain.age_group,
        architecture=plan.architecture,
        recipe=plan.recipe,
        seed=_seed(phase.secret, f"reference:{set_index}:{model_index}"),
    )
    seconds = time.monotonic() - started
    evaluation = Evaluator(bundle, plan.architecture).evaluate(state)
    evaluation_sha256 = storage().put(evaluation.to_bytes())
    with db.transaction() as session:
        competitions.record_reference(
            session,
            ReferenceModel(
                reference_key=phase.reference_key,
                set_index=set_index,
                model_index=model_index,
                evaluation_sha256=evaluation_sha256,
                seconds=seconds,
            ),
        )


@dataclass(frozen=True)
class BundleParts:
    """The hashes under which the parts of a phase's bundle are stored."""

    participant: str
    secret: str
    manifest: str

    @classmethod
    def of(cls, phase: Phase) -> Self:
        """Return the parts of a prepared phase."""
        parts = (phase.participant_part_sha256, phase.secret_part_sha256, phase.manifest_sha256)
        participant, secret, manifest = parts
        assert participant is not None
        assert secret is not None
        assert manifest is not None
        return cls(participant, secret, manifest)


@lru_cache(maxsize=1)
def load_bundle(parts: BundleParts) -> Bundle:
    """Return a stored bundle; the last one is kept, since a worker trains many models on it."""
    store = storage()
    return unpack(store.get(parts.participant), store.get(parts.secret), store.get(parts.manifest))


def _read_phase(phase_id: UUID) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, phase_id)


def _seed(secret: bytes, purpose: str) -> int:
    return int.from_bytes(hmac.digest(secret, purpose.encode(), hashlib.sha256)[:8], "big") >> 1


def _reference_key(packed: PackedBundle, plan: Plan) -> str:
    """Return the hash of all that a reference model is made from: nothing stale is ever taken for it.

    Seeds are not in it: phases that ask for the same models share them.
    """
    facts: dict[str, Any] = {
        "bundle": hashlib.sha256(packed.manifest).hexdigest(),
        "architecture": plan.architecture.to_dict(),
        "recipe": plan.recipe.to_dict(),
        "evaluator": EVALUATOR_VERSION,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
