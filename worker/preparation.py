"""Making a phase ready: its bundle, its original model, and the key of its reference models."""

import hashlib
import hmac
import json
import time
from functools import lru_cache
from typing import Any

import numpy as np
import structlog
import torch
from safetensors.torch import save

from core import competitions, db, references, shards
from core.errors import InvalidCompetitionError
from core.limits import limits_of
from core.models import Phase
from core.references import Prepared
from core.storage import storage
from faces.bundle import Bundle, InvalidBundleError, pack, unpack
from faces.synthetic import SyntheticFaces, render
from training.evaluation import EVALUATOR_VERSION, Evaluator
from training.plan import BundleParts, Plan
from training.train import TRAINER_VERSION, TrainedModel, train
from worker.lease import Lease

log = structlog.get_logger(__name__)


def plan_of(phase: Phase) -> Plan:
    """Return the plan of a phase.

    Raises:
        InvalidCompetitionError: an unknown key or a value out of range.
    """
    try:
        return Plan.read(dataset=phase.dataset, architecture=phase.architecture, recipe=phase.recipe)
    except ValueError as error:
        raise InvalidCompetitionError(f"phase `{phase.slug}`: {error}") from error


def prepare_phase(lease: Lease) -> None:
    """Make the bundle and the original model of a phase, and enqueue its references."""
    phase_id = lease.shard.phase_id
    with db.reading() as session:
        phase = session.get_one(Phase, phase_id)
    try:
        prepared = _prepare(phase, plan_of(phase))
    except InvalidCompetitionError as error:
        log.error("phase_broken", phase_id=str(phase_id), problem=str(error))
        with db.transaction() as session:
            competitions.mark_broken(session, phase_id, str(error))
        return
    with db.transaction() as session:
        references.set_prepared(session, phase_id, prepared)
        shards.finish(session, lease.shard.id, holder=lease.holder)


def _prepare(phase: Phase, plan: Plan) -> Prepared:
    """Make the bundle, train and measure the original model, and store all of it."""
    bundle = _bundle(plan)
    _check_size(plan, bundle)
    packed = pack(bundle)
    original = _train_original(phase, plan, bundle)
    evaluation = Evaluator(bundle, plan.architecture, limits_of(phase).device).evaluate(original.state)
    log.info(
        "original_trained",
        phase_id=str(phase.id),
        forget_accuracy=float(np.mean(evaluation.forget_logits.argmax(1) == bundle.forget.age_group)),
        retain_accuracy=evaluation.retain_accuracy,
        test_accuracy=evaluation.test_accuracy,
    )
    store = storage()
    manifest_sha256 = store.put(packed.manifest)
    return Prepared(
        architecture=plan.architecture.to_dict(),
        recipe=plan.recipe.to_dict(),
        participant_part_sha256=store.put(packed.participant),
        secret_part_sha256=store.put(packed.secret),
        manifest_sha256=manifest_sha256,
        original_sha256=store.put(save(original.state)),
        original_evaluation_sha256=store.put(evaluation.to_bytes()),
        reference_key=reference_key(phase, plan, manifest_sha256),
        # A retraining makes the same steps as the original's training, on fewer images.
        retraining_s=original.seconds * len(bundle.retain) / (len(bundle.retain) + len(bundle.forget)),
    )


def _check_size(plan: Plan, bundle: Bundle) -> None:
    least = plan.recipe.least_images
    if len(bundle.retain) < least:
        raise InvalidCompetitionError(
            f"retain has {len(bundle.retain)} images; to train with this recipe takes at least {least}"
        )


def _train_original(phase: Phase, plan: Plan, bundle: Bundle) -> TrainedModel:
    started = time.monotonic()
    state = train(
        np.concatenate([bundle.retain.images, bundle.forget.images]),
        np.concatenate([bundle.retain.age_group, bundle.forget.age_group]),
        architecture=plan.architecture,
        recipe=plan.recipe,
        seed=model_seed(phase, "original"),
        device=limits_of(phase).device,
    )
    return TrainedModel(state, seconds=time.monotonic() - started)


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


def parts_of(phase: Phase) -> BundleParts:
    """Return the hashes under which the bundle of a prepared phase is stored."""
    parts = (phase.participant_part_sha256, phase.secret_part_sha256, phase.manifest_sha256)
    participant, secret, manifest = parts
    assert participant is not None
    assert secret is not None
    assert manifest is not None
    return BundleParts(participant, secret, manifest)


@lru_cache(maxsize=1)
def load_bundle(parts: BundleParts) -> Bundle:
    """Return a stored bundle; the last one is kept, since a worker trains many models on it."""
    store = storage()
    return unpack(store.get(parts.participant), store.get(parts.secret), store.get(parts.manifest))


def model_seed(phase: Phase, model: str) -> int:
    """Return the seed, 0..2**63 - 1, of one of the phase's own models: always the same, and secret."""
    return int.from_bytes(hmac.digest(phase.secret, model.encode(), hashlib.sha256)[:8], "big") >> 1


def is_stale(phase: Phase) -> bool:
    """Return whether this version of Lethe would make the models of a prepared phase otherwise."""
    assert phase.manifest_sha256 is not None
    return phase.reference_key != reference_key(phase, plan_of(phase), phase.manifest_sha256)


def reference_key(phase: Phase, plan: Plan, manifest_sha256: str) -> str:
    """Return the hash of all that a reference model is made from: nothing stale is ever taken for it.

    The manifest stands for the images and for their split. Seeds are not in it: phases that ask for the same
    models share them.
    """
    facts: dict[str, Any] = {
        "bundle": manifest_sha256,
        "architecture": plan.architecture.to_dict(),
        "recipe": plan.recipe.to_dict(),
        "trainer": TRAINER_VERSION,
        "evaluator": EVALUATOR_VERSION,
        "device": limits_of(phase).device,
        # Without what comes after the +: the hosts of one phase may have torch for CPUs and for GPUs.
        "torch": torch.__version__.partition("+")[0],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
