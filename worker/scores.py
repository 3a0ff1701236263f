"""From stored evaluations to stored scores: of submissions, and of the phase's own models."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

import scoring
from core import competitions, db, shards, submissions
from core.competitions import CEILING_SET, REFERENCE_SET
from core.models import Baseline, Phase, Score
from core.storage import storage
from training.evaluation import Evaluation
from worker.lease import Lease
from worker.preparation import BundleParts, load_bundle


def score_submission(lease: Lease) -> None:
    """Score a submission whose runs are complete, and leave it finished."""
    submission_id = lease.shard.submission_id
    assert submission_id is not None
    with db.reading() as session:
        phase = submissions.find(session, submission_id).phase
        runs = submissions.list_runs(session, submission_id)
    unlearned = [run.evaluation_sha256 for run in runs if run.evaluation_sha256 is not None]
    score = Score(**_score(phase, unlearned, _reference_set(phase, REFERENCE_SET)))
    lease.check()
    with db.transaction() as session:
        submissions.record_score(session, submission_id, score)


def score_baselines(lease: Lease) -> None:
    """Score the second set of references (ceiling) and the original model (floor), and open the phase."""
    with db.reading() as session:
        phase = session.get_one(Phase, lease.shard.phase_id)
    assert phase.original_evaluation_sha256 is not None
    reference = _reference_set(phase, REFERENCE_SET)
    measured = {
        "ceiling": _reference_set(phase, CEILING_SET),
        "floor": [phase.original_evaluation_sha256] * phase.n_models,
    }
    baselines = [
        Baseline(phase_id=phase.id, name=name, **_score(phase, models, reference))
        for name, models in measured.items()
    ]
    with db.transaction() as session:
        competitions.open_with_baselines(session, phase.id, baselines)
        shards.finish(session, lease.shard.id, holder=lease.holder)


def _reference_set(phase: Phase, set_index: int) -> list[str]:
    """Return the hashes of the first N evaluations of a reference set, in order of the models."""
    assert phase.reference_key is not None
    with db.reading() as session:
        models = competitions.trained_models(session, phase.reference_key)[set_index]
    return [models[model_index] for model_index in range(phase.n_models)]


def _score(phase: Phase, unlearned: list[str], reference: list[str]) -> dict[str, Any]:
    """Return the columns of a score from the hashes of both sides' evaluations."""
    labels = load_bundle(BundleParts.of(phase)).forget.age_group
    score = scoring.score(_measurements(unlearned, labels), _measurements(reference, labels))
    return {
        "scoring_version": scoring.SCORING_VERSION,
        "final_score": score.final_score,
        "forgetting_quality": score.forgetting_quality,
        "retain_ratio": score.retain_ratio,
        "test_ratio": score.test_ratio,
        "retain_accuracy": score.unlearned_retain_accuracy,
        "test_accuracy": score.unlearned_test_accuracy,
        "n_models": score.n_models,
    }


def _measurements(evaluation_sha256s: list[str], labels: NDArray[np.int64]) -> scoring.Measurements:
    store = storage()
    models = [Evaluation.from_bytes(store.get(sha256)) for sha256 in evaluation_sha256s]
    return scoring.Measurements(
        confidences=scoring.logit_scaled_confidence(
            np.stack([model.forget_logits for model in models]), labels
        ),
        retain_accuracies=np.array([model.retain_accuracy for model in models]),
        test_accuracies=np.array([model.test_accuracy for model in models]),
    )
