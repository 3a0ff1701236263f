"""What is stored of a submission's score, and that all of it comes from the artifact."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

import scoring
from core import db
from core.lifecycle import PhaseState, SubmissionState, Verdict
from core.models import REPLICATES, Baseline, Phase, Score
from core.storage import storage
from scoring.artifact import Artifact
from scoring.report import make_report
from scoring.uncertainty import uncertainty
from tests.support.competition import read_submission
from tests.support.measured import make_measured_phase, make_run_submission
from training.evaluation import Evaluation
from worker import artifacts, scores, sweeper

pytestmark = pytest.mark.usefixtures("installation", "empty_queues")

N_MODELS = 6


@pytest.fixture
def phase(deliver: Callable[[], None]) -> Phase:
    """A measured phase, ready."""
    made = make_measured_phase(n_models=N_MODELS)
    deliver()
    return made


def _read_scores() -> list[Score]:
    with db.reading() as session:
        query = select(Score).options(undefer(Score.replicates)).order_by(Score.created_at)
        return list(session.scalars(query))


def _artifact(score: Score) -> Artifact:
    assert score.artifact_sha256 is not None
    return Artifact.from_bytes(storage().get(score.artifact_sha256))


def test_score_is_what_the_stored_artifact_gives(phase: Phase, deliver: Callable[[], None]) -> None:
    submission = make_run_submission(phase)
    deliver()
    assert read_submission(submission.id).state is SubmissionState.FINISHED
    (stored,) = _read_scores()
    artifact = _artifact(stored)
    labels = artifact.labels.forget
    expected = scoring.score(artifact.unlearned.measurements(labels), artifact.reference.measurements(labels))
    assert expected.final_score > 0.0
    assert stored.final_score == expected.final_score
    assert stored.forgetting_quality == expected.forgetting_quality
    assert (stored.retain_ratio, stored.test_ratio) == (expected.retain_ratio, expected.test_ratio)
    assert stored.retain_accuracy == expected.unlearned_retain_accuracy
    assert stored.test_accuracy == expected.unlearned_test_accuracy
    assert (stored.n_models, stored.scoring_version) == (N_MODELS, scoring.SCORING_VERSION)
    assert stored.final_score_low <= stored.final_score <= stored.final_score_high
    assert stored.forgetting_quality_low <= stored.forgetting_quality <= stored.forgetting_quality_high


def test_score_comes_from_nothing_but_the_artifact(
    phase: Phase, deliver: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run_submission(phase)
    deliver()
    (before,) = _read_scores()
    with db.transaction() as session:
        session.delete(session.get_one(Score, before.id))
    artifact = _artifact(before)
    stored = artifacts.StoredArtifact(before.artifact_sha256 or "", artifact)
    monkeypatch.setattr(Evaluation, "from_bytes", None)
    again = scores._score(stored, phase, version=scoring.SCORING_VERSION)
    assert (again.final_score, again.replicates) == (before.final_score, before.replicates)
    assert again.report_sha256 == before.report_sha256


def test_report_is_stored_and_reproducible_from_the_artifact_alone(
    phase: Phase, deliver: Callable[[], None]
) -> None:
    make_run_submission(phase)
    deliver()
    (stored,) = _read_scores()
    assert stored.report_sha256 is not None
    report = storage().get(stored.report_sha256).decode()
    seed = scores._seed(phase, stored.scoring_version)
    assert report == make_report(_artifact(stored), version=stored.scoring_version, seed=seed).to_json()
    assert json.loads(report)["submission"]["score"]["final_score"] == stored.final_score


def test_replicates_of_a_phase_are_drawn_with_one_seed(phase: Phase, deliver: Callable[[], None]) -> None:
    for user in ("ann", "bob"):
        make_run_submission(phase, user=user, comment=user)
    deliver()
    seed = scores._seed(phase, scoring.SCORING_VERSION)
    both = _read_scores()
    assert both[0].replicates != both[1].replicates
    for stored in both:
        artifact = _artifact(stored)
        labels = artifact.labels.forget
        expected = uncertainty(
            artifact.unlearned.measurements(labels), artifact.reference.measurements(labels), seed=seed
        )
        assert stored.replicates is not None
        found = np.frombuffer(stored.replicates, REPLICATES)
        np.testing.assert_array_equal(found, expected.replicates.astype(np.float32))
        assert stored.final_score_low == expected.final_score.low
        assert stored.forgetting_quality_high == expected.forgetting_quality.high


def test_seed_differs_between_phases_and_versions() -> None:
    one, other = make_measured_phase(), Phase()
    seeds = {
        scores._seed(phase, version) for phase in (one, other) for version in ("neurips2023-1", "test-2")
    }
    assert len(seeds) == 4


def test_baselines_are_of_the_phases_own_models_and_have_intervals(phase: Phase) -> None:
    own = artifacts.own_models(phase)
    with db.reading() as session:
        baselines = {one.name: one for one in session.scalars(select(Baseline))}
    for name, models in (("ceiling", own.ceiling), ("floor", own.original)):
        assert baselines[name].retain_accuracy == pytest.approx(models.retain_accuracies.mean())
        assert baselines[name].test_accuracy == pytest.approx(models.test_accuracies.mean())
    ceiling, floor = baselines["ceiling"], baselines["floor"]
    assert ceiling.final_score_low < ceiling.final_score < ceiling.final_score_high
    assert ceiling.forgetting_quality_low < ceiling.forgetting_quality < ceiling.forgetting_quality_high
    assert floor.final_score == 0.0 == floor.final_score_low


def test_phase_of_a_version_that_the_worker_does_not_know_breaks_and_says_so(
    deliver: Callable[[], None],
) -> None:
    phase = make_measured_phase()
    with db.transaction() as session:
        session.get_one(Phase, phase.id).scoring_version = "of-tomorrow"
    for _ in range(4):
        deliver()
        sweeper.sweep()
    with db.reading() as session:
        broken = session.get_one(Phase, phase.id)
    assert broken.state is PhaseState.BROKEN
    assert "does not know the scoring version `of-tomorrow`, only neurips2023-1" in broken.problem


def test_submission_of_a_version_that_the_worker_does_not_know_is_a_platform_error(
    phase: Phase, deliver: Callable[[], None]
) -> None:
    submission = make_run_submission(phase)
    with db.transaction() as session:
        session.get_one(Phase, phase.id).scoring_version = "of-tomorrow"
    for _ in range(4):
        deliver()
        sweeper.sweep()
    failed = read_submission(submission.id)
    assert failed.verdict is Verdict.PLATFORM_ERROR
    assert "of-tomorrow" not in failed.message
