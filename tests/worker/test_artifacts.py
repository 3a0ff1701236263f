"""What the artifact of a submission holds, and what it says when it cannot be made."""

import hashlib
from collections.abc import Callable
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import select

from core import db, runs
from core.errors import PlatformError
from core.models import Phase, ReferenceModel, Run, Score, Submission
from core.storage import storage
from scoring.artifact import Artifact
from tests.support.competition import read_submission
from tests.support.measured import SANDBOX, make_measured_phase, make_run_submission
from training import evaluation
from training.evaluation import EVALUATOR_VERSION, Evaluation, sample_indices
from worker.artifacts import ensure_artifact
from worker.preparation import load_bundle, parts_of

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def phase(deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> Phase:
    """A measured phase, ready, whose sets are larger than the samples of them."""
    monkeypatch.setattr(evaluation, "_SAMPLE_SIZE", 5)
    made = make_measured_phase()
    deliver()
    return made


@pytest.fixture
def submission(phase: Phase, deliver: Callable[[], None]) -> Submission:
    """A submission that was scored."""
    made = make_run_submission(phase)
    deliver()
    return read_submission(made.id)


def _artifact_sha256(submission_id: UUID) -> str:
    with db.reading() as session:
        sha256 = session.scalars(
            select(Score.artifact_sha256).where(Score.submission_id == submission_id)
        ).one()
    assert sha256 is not None
    return sha256


def _evaluations(query: object) -> list[Evaluation]:
    with db.reading() as session:
        return [Evaluation.from_bytes(storage().get(sha256)) for sha256 in session.scalars(query)]  # type: ignore[call-overload]


def test_artifact_holds_what_was_measured(submission: Submission) -> None:
    artifact = Artifact.from_bytes(storage().get(_artifact_sha256(submission.id)))
    of_runs = select(Run.evaluation_sha256).where(Run.submission_id == submission.id).order_by(Run.run_index)
    models = select(ReferenceModel.evaluation_sha256).order_by(ReferenceModel.model_index)
    for found, query in (
        (artifact.unlearned, of_runs),
        (artifact.reference, models.where(ReferenceModel.set_index == 0)),
        (artifact.ceiling, models.where(ReferenceModel.set_index == 1)),
        (artifact.original, select(Phase.original_evaluation_sha256)),
    ):
        assert found is not None
        measured = _evaluations(query)
        for name in ("forget_logits", "retain_logits", "test_logits"):
            np.testing.assert_array_equal(getattr(found, name), [getattr(one, name) for one in measured])
        np.testing.assert_array_equal(found.retain_accuracies, [one.retain_accuracy for one in measured])
        np.testing.assert_array_equal(found.test_accuracies, [one.test_accuracy for one in measured])
    np.testing.assert_array_equal(artifact.seconds, [2.0, 3.0, 4.0, 5.0])


def test_artifact_labels_are_those_of_the_sampled_images(phase: Phase, submission: Submission) -> None:
    labels = Artifact.from_bytes(storage().get(_artifact_sha256(submission.id))).labels
    bundle = load_bundle(parts_of(phase))
    np.testing.assert_array_equal(labels.forget, bundle.forget.age_group)
    retain = sample_indices(len(bundle.retain))
    assert len(retain) == 5 < len(bundle.retain)
    np.testing.assert_array_equal(labels.retain, bundle.retain.age_group[retain])
    np.testing.assert_array_equal(labels.test, bundle.test.age_group[sample_indices(len(bundle.test))])


def test_artifact_says_where_it_comes_from_and_gives_no_seed_away(
    phase: Phase, submission: Submission
) -> None:
    data = storage().get(_artifact_sha256(submission.id))
    artifact = Artifact.from_bytes(data)
    assert vars(artifact.provenance) == {
        "bundle_sha256": phase.manifest_sha256,
        "architecture": phase.architecture,
        "code_sha256": submission.source_sha256,
        "sandboxes": (SANDBOX,),
        "evaluator_version": EVALUATOR_VERSION,
        "scoring_version": "neurips2023-1",
    }
    seeds = [runs.run_seed(phase.secret, submission.id, index) for index in range(4)]
    assert artifact.seed_fingerprints == tuple(
        hashlib.sha256(seed.to_bytes(8, "big")).hexdigest()[:16] for seed in seeds
    )
    for seed in seeds:
        assert str(seed).encode() not in data
        assert seed.to_bytes(8, "big") not in data
        assert seed.to_bytes(8, "little") not in data


def test_artifact_that_is_stored_is_not_made_again(
    submission: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluation, "from_bytes", None)
    assert ensure_artifact(submission).sha256 == _artifact_sha256(submission.id)


def test_evaluation_of_another_evaluator_is_named(phase: Phase, monkeypatch: pytest.MonkeyPatch) -> None:
    submission, version = make_run_submission(phase), evaluation.EVALUATOR_VERSION
    monkeypatch.setattr(evaluation, "EVALUATOR_VERSION", "next")
    message = rf"evaluation of model 0 of set 0 cannot be used: .* version {version}, not next"
    with pytest.raises(PlatformError, match=message):
        ensure_artifact(read_submission(submission.id))


def test_artifact_that_is_none_is_a_platform_error(submission: Submission) -> None:
    with db.transaction() as session:
        session.scalars(select(Score)).one().artifact_sha256 = storage().put(b"no artifact")
    with pytest.raises(PlatformError, match=f"artifact of submission {submission.id} cannot be used: "):
        ensure_artifact(submission)
