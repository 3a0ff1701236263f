"""The artifact of a submission, made of stored evaluations: of its runs, and of the phase's own models."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import db, references, runs, scores
from core.errors import PlatformError
from core.models import Phase, Run, Submission
from core.references import CEILING_SET, REFERENCE_SET
from core.storage import storage
from faces.bundle import Split
from scoring.artifact import Artifact, ArtifactError, Labels, ModelSet, Provenance
from training.evaluation import EVALUATOR_VERSION, Evaluation, sample_indices
from worker.preparation import load_bundle, parts_of

_FINGERPRINT_DIGITS = 16


class StoredArtifact(NamedTuple):
    """An artifact and the hash under which it is stored."""

    sha256: str
    artifact: Artifact


class OwnModels(NamedTuple):
    """What the phase's own models do, and the labels of what they were measured on."""

    reference: ModelSet
    ceiling: ModelSet
    original: ModelSet
    labels: Labels


def ensure_artifact(submission: Submission) -> StoredArtifact:
    """Return the artifact of a submission whose runs are complete; without one, make it and store it.

    Raises:
        PlatformError: the artifact, or an evaluation that it is to be made of, cannot be used; it says which.
    """
    with db.reading() as session:
        sha256 = scores.find_artifact_sha256(session, submission.id)
        ended = runs.list_runs(session, submission.id)
    if sha256 is None:
        sha256 = storage().put(_make(submission, ended).to_bytes())
    try:
        # Read back even if just written: every score comes from the very bytes that are stored.
        return StoredArtifact(sha256, Artifact.from_bytes(storage().get(sha256)))
    except ArtifactError as error:
        raise PlatformError(f"the artifact of submission {submission.id} cannot be used: {error}") from error


def own_models(phase: Phase) -> OwnModels:
    """Return what the models of a prepared phase do.

    Raises:
        PlatformError: an evaluation cannot be used; it says which.
    """
    assert phase.original_evaluation_sha256 is not None
    bundle = load_bundle(parts_of(phase))
    with db.reading() as session:
        trained = references.trained_models(session, phase)
    reference, ceiling = (
        {f"model {index} of set {kind}": trained[kind][index] for index in range(phase.n_models)}
        for kind in (REFERENCE_SET, CEILING_SET)
    )
    return OwnModels(
        reference=_model_set(reference),
        ceiling=_model_set(ceiling),
        original=_model_set({"the original model": phase.original_evaluation_sha256}),
        labels=Labels(
            forget=bundle.forget.age_group,
            retain=_sampled_labels(bundle.retain),
            test=_sampled_labels(bundle.test),
        ),
    )


def _make(submission: Submission, ended: list[Run]) -> Artifact:
    phase = submission.phase
    assert phase.manifest_sha256 is not None
    own = own_models(phase)
    evaluations = {
        f"run {run.run_index}": run.evaluation_sha256 for run in ended if run.evaluation_sha256 is not None
    }
    return Artifact(
        unlearned=_model_set(evaluations),
        reference=own.reference,
        ceiling=own.ceiling,
        original=own.original,
        labels=own.labels,
        seconds=np.array([run.seconds for run in ended]),
        seed_fingerprints=tuple(_fingerprint(phase, run) for run in ended),
        provenance=Provenance(
            bundle_sha256=phase.manifest_sha256,
            architecture=phase.architecture,
            code_sha256=submission.source_sha256,
            sandboxes=tuple(sorted({run.sandbox for run in ended if run.sandbox is not None})),
            evaluator_version=EVALUATOR_VERSION,
            scoring_version=phase.scoring_version,
        ),
    )


def _model_set(evaluation_sha256s: Mapping[str, str]) -> ModelSet:
    """Return what models do, from the hashes of their evaluations by what they are called."""
    store, models = storage(), []
    for name, sha256 in evaluation_sha256s.items():
        try:
            models.append(Evaluation.from_bytes(store.get(sha256)))
        except ValueError as error:
            raise PlatformError(f"the evaluation of {name} cannot be used: {error}") from error
    return ModelSet(
        forget_logits=np.stack([model.forget_logits for model in models]),
        retain_logits=np.stack([model.retain_logits for model in models]),
        test_logits=np.stack([model.test_logits for model in models]),
        retain_accuracies=np.array([model.retain_accuracy for model in models]),
        test_accuracies=np.array([model.test_accuracy for model in models]),
    )


def _sampled_labels(split: Split) -> NDArray[np.int64]:
    return split.age_group[sample_indices(len(split))]


def _fingerprint(phase: Phase, run: Run) -> str:
    """Return what tells seeds apart and gives none away."""
    seed = runs.run_seed(phase.secret, run.submission_id, run.run_index)
    return hashlib.sha256(seed.to_bytes(8, "big")).hexdigest()[:_FINGERPRINT_DIGITS]
