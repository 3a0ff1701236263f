"""From artifacts to stored scores, under any version of the metric: of submissions and of baselines."""

import hashlib
from typing import Any
from uuid import UUID

import structlog

import scoring
from core import competitions, db, references, rescoring, shards, submissions
from core.errors import DamagedObjectError, PlatformError
from core.models import REPLICATES, Baseline, Phase, Score, Submission
from core.storage import storage
from scoring.baselines import Sides, floor
from scoring.report import Rated, make_report, rate
from worker.artifacts import StoredArtifact, ensure_artifact, own_models
from worker.lease import Lease
from worker.preparation import is_stale

log = structlog.get_logger(__name__)


def score_submission(lease: Lease) -> None:
    """Score a submission whose runs are complete, and leave it finished."""
    submission_id = lease.shard.submission_id
    assert submission_id is not None
    stored = ensure_artifact(_read_submission(submission_id))
    has_ended = False
    while not has_ended:  # once, unless a rescoring changes the phase's version meanwhile
        phase = _read_phase(lease)
        score = _score(stored, phase, version=phase.scoring_version)
        lease.check()
        with db.transaction() as session:
            has_ended = submissions.record_score(session, submission_id, score)


def score_baselines(lease: Lease) -> None:
    """Score the baselines of a phase in preparation, and open it.

    One whose models another version of Lethe made is prepared anew; a damaged reference is trained again.
    """
    with db.transaction() as session:
        phase = competitions.lock(session, lease.shard.phase_id)
        if is_stale(phase):
            shards.finish(session, lease.shard.id, holder=lease.holder)
            references.prepare_anew(session, phase)
            return
    try:
        baselines = _baselines(phase, version=phase.scoring_version)
    except DamagedObjectError as error:
        with db.transaction() as session:
            phase = competitions.lock(session, phase.id)
            if not references.forget(session, error.sha256):
                raise
            log.error("reference_damaged", phase_id=str(phase.id), problem=str(error))
            shards.finish(session, lease.shard.id, holder=lease.holder)
            references.go_on(session, phase)
        return
    with db.transaction() as session:
        competitions.open_with_baselines(session, phase.id, baselines)
        shards.finish(session, lease.shard.id, holder=lease.holder)


def rescore(lease: Lease) -> None:
    """Score a finished submission, or the baselines of a phase, under the version that the shard names."""
    shard, phase = lease.shard, _read_phase(lease)
    assert shard.scoring_version is not None
    scores: list[Score] | list[Baseline]
    if shard.submission_id is None:
        scores = _baselines(phase, version=shard.scoring_version)
    else:
        stored = ensure_artifact(_read_submission(shard.submission_id))
        score = _score(stored, phase, version=shard.scoring_version)
        score.submission_id = shard.submission_id
        scores = [score]
    lease.check()
    with db.transaction() as session:
        rescoring.record(session, shard, scores, holder=lease.holder)


def _read_phase(lease: Lease) -> Phase:
    with db.reading() as session:
        return session.get_one(Phase, lease.shard.phase_id)


def _read_submission(submission_id: UUID) -> Submission:
    with db.reading() as session:
        return submissions.find(session, submission_id)


def _score(stored: StoredArtifact, phase: Phase, *, version: str) -> Score:
    _check_known(version)
    report = make_report(stored.artifact, version=version, seed=_seed(phase, version))
    rated = report.submission
    return Score(
        **_numbers(rated, version=version),
        replicates=rated.uncertainty.replicates.astype(REPLICATES).tobytes(),
        artifact_sha256=stored.sha256,
        report_sha256=storage().put(report.to_json().encode()),
    )


def _baselines(phase: Phase, *, version: str) -> list[Baseline]:
    """Score the second set of references (ceiling) and the original model (floor) against the references."""
    _check_known(version)
    own, metric, seed = own_models(phase), scoring.VERSIONS[version], _seed(phase, version)
    labels = own.labels.forget
    reference = own.reference.measurements(labels)
    measured = {
        "ceiling": Sides(own.ceiling.measurements(labels), reference),
        "floor": floor(reference, own.original.measurements(labels)),
    }
    return [
        Baseline(phase_id=phase.id, name=name, **_numbers(rate(sides, metric, seed=seed), version=version))
        for name, sides in measured.items()
    ]


def _check_known(version: str) -> None:
    if version not in scoring.VERSIONS:
        known = ", ".join(scoring.VERSIONS)
        raise PlatformError(f"this worker does not know the scoring version `{version}`, only {known}")


def _seed(phase: Phase, version: str) -> int:
    """Return the seed of all resampling in a phase under a version: one for all, so that replicates pair."""
    return int.from_bytes(hashlib.sha256(f"{phase.id}:{version}".encode()).digest()[:8], "big")


def _numbers(rated: Rated, *, version: str) -> dict[str, Any]:
    """Return the columns that scores and baselines share."""
    score, spread = rated.score, rated.uncertainty
    return {
        "scoring_version": version,
        "final_score": score.final_score,
        "final_score_low": spread.final_score.low,
        "final_score_high": spread.final_score.high,
        "forgetting_quality": score.forgetting_quality,
        "forgetting_quality_low": spread.forgetting_quality.low,
        "forgetting_quality_high": spread.forgetting_quality.high,
        "retain_ratio": score.retain_ratio,
        "test_ratio": score.test_ratio,
        "retain_accuracy": score.unlearned_retain_accuracy,
        "test_accuracy": score.unlearned_test_accuracy,
        "n_models": score.n_models,
    }
