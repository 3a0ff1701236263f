"""The report: everything that scoring knows about one submission, from its artifact alone."""

import json
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from scoring.artifact import Artifact, Labels, ModelSet, Provenance
from scoring.audits import (
    BoundedEpsilons,
    ExactIntervals,
    HeldOut,
    LikelihoodRatio,
    LossAttack,
    MarginDivergence,
    bounded_epsilons,
    cross_entropy_losses,
    exact_interval_attack,
    held_out_attack,
    likelihood_ratio_attack,
    logistic_loss_attack,
    margin_divergence,
)
from scoring.baselines import CeilingKind, Sides, ceiling, floor
from scoring.confidence import logit_scaled_confidence
from scoring.final import Metric, Score
from scoring.flags import Flag, flags
from scoring.uncertainty import Interval, QualityAt, Uncertainty, quality_by_n_models, uncertainty
from scoring.versions import VERSIONS


@dataclass(frozen=True)
class Rated:
    """A score and how sure it is."""

    score: Score
    uncertainty: Uncertainty


@dataclass(frozen=True)
class Audits:
    """What the attacks beside the official number find; their F is always that of neurips2023-1.

    Attributes:
        margins_forget: KLoM on the forget set; so are the next two, on samples of the other sets.
        losses_unlearned: the starter kit's attack on the unlearned models; None with fewer than 2 forget or
            2 test examples, of which it could learn nothing.
        losses_reference: the same on the references, with which to compare it.
    """

    exact_intervals: ExactIntervals
    held_out: HeldOut
    likelihood_ratio: LikelihoodRatio
    bounded: BoundedEpsilons
    margins_forget: MarginDivergence
    margins_retain: MarginDivergence
    margins_test: MarginDivergence
    losses_unlearned: LossAttack | None
    losses_reference: LossAttack | None


@dataclass(frozen=True)
class Report:
    """Everything about one submission.

    Attributes:
        scoring_version: the version of the metric.
        seed: what resamples, halves and splits were drawn with.
        submission: its score.
        ceiling: references against references; None where there are too few of them.
        ceiling_kind: whether against a second set, or their own halves.
        floor: the original model against the references; None where it was not measured.
        quality_by_n_models: F with fewer models.
        ceiling_by_n_models: the same of the ceiling, with which to compare it; empty without one.
        audits: other attacks.
        ceiling_audits: the same on a second set of references, with which to compare them; None without one.
        flags: what an organizer should look at.
        mean_run_seconds: of the N runs.
        provenance: where the numbers come from.
    """

    scoring_version: str
    seed: int
    submission: Rated
    ceiling: Rated | None
    ceiling_kind: CeilingKind | None
    floor: Score | None
    quality_by_n_models: tuple[QualityAt, ...]
    ceiling_by_n_models: tuple[QualityAt, ...]
    audits: Audits
    ceiling_audits: Audits | None
    flags: tuple[Flag, ...]
    mean_run_seconds: float
    provenance: Provenance

    def to_json(self) -> str:
        """Return the report as one JSON object, arrays as lists."""
        return json.dumps(_to_plain(self), allow_nan=False)


def make_report(artifact: Artifact, *, version: str, seed: int) -> Report:
    """Compute everything about one submission.

    Args:
        artifact: what its models and the phase's own did.
        version: the version of the metric, one of `VERSIONS`.
        seed: draws resamples, halves and splits; one for all submissions that are to be compared.

    Raises:
        ValueError: an unknown version, or an artifact that cannot be scored, as with fewer than 3 models.
    """
    if version not in VERSIONS:
        raise ValueError(f"there is no scoring version {version!r}, only {', '.join(VERSIONS)}")
    metric = VERSIONS[version]
    labels = artifact.labels.forget
    reference = artifact.reference.measurements(labels)
    sides = Sides(artifact.unlearned.measurements(labels), reference)
    second = None if artifact.ceiling is None else artifact.ceiling.measurements(labels)
    top = ceiling(reference, second)
    bottom = None
    if artifact.original is not None:
        bottom = metric(*floor(reference, artifact.original.measurements(labels)))
    submission = rate(sides, metric, seed=seed)
    rated_top = None if top is None else rate(top.sides, metric, seed=seed)
    return Report(
        scoring_version=version,
        seed=seed,
        submission=submission,
        ceiling=rated_top,
        ceiling_kind=None if top is None else top.kind,
        floor=bottom,
        quality_by_n_models=quality_by_n_models(*sides, seed=seed, metric=metric),
        ceiling_by_n_models=() if top is None else quality_by_n_models(*top.sides, seed=seed, metric=metric),
        audits=_audit(artifact, artifact.unlearned, seed=seed),
        ceiling_audits=None if artifact.ceiling is None else _audit(artifact, artifact.ceiling, seed=seed),
        flags=flags(
            *sides,
            quality=submission.uncertainty.forgetting_quality_of_reruns,
            ceiling=_comparable(rated_top, submission),
            seed=seed,
        ),
        mean_run_seconds=float(artifact.seconds.mean()),
        provenance=artifact.provenance,
    )


def rate(sides: Sides, metric: Metric, *, seed: int) -> Rated:
    """Return the score of some models against references, and its intervals; `seed` draws the resamples."""
    return Rated(metric(*sides), uncertainty(*sides, seed=seed, metric=metric))


def _comparable(top: Rated | None, submission: Rated) -> Interval | None:
    """Return the interval of the ceiling's F, if it is of as many models: with fewer, F is another number."""
    if top is None or top.score.n_models != submission.score.n_models:
        return None
    return top.uncertainty.forgetting_quality_of_reruns


def _audit(artifact: Artifact, unlearned: ModelSet, *, seed: int) -> Audits:
    labels, reference = artifact.labels, artifact.reference
    forget, retain, test = (
        (logit_scaled_confidence(ours, of), logit_scaled_confidence(theirs, of))
        for ours, theirs, of in (
            (unlearned.forget_logits, reference.forget_logits, labels.forget),
            (unlearned.retain_logits, reference.retain_logits, labels.retain),
            (unlearned.test_logits, reference.test_logits, labels.test),
        )
    )
    return Audits(
        exact_intervals=exact_interval_attack(*forget),
        held_out=held_out_attack(*forget, seed=seed),
        likelihood_ratio=likelihood_ratio_attack(*forget),
        bounded=bounded_epsilons(*forget, seed=seed),
        margins_forget=margin_divergence(*forget),
        margins_retain=margin_divergence(*retain),
        margins_test=margin_divergence(*test),
        losses_unlearned=_loss_attack(unlearned, labels, seed=seed),
        losses_reference=_loss_attack(reference, labels, seed=seed),
    )


def _loss_attack(models: ModelSet, labels: Labels, *, seed: int) -> LossAttack | None:
    if min(labels.forget.size, labels.test.size) < 2:
        return None
    return logistic_loss_attack(
        cross_entropy_losses(models.forget_logits, labels.forget),
        cross_entropy_losses(models.test_logits, labels.test),
        seed=seed,
    )


def _to_plain(value: Any) -> Any:
    """Return a result (dataclass, named tuple, array …) as what JSON knows."""
    if is_dataclass(value):
        return {field.name: _to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _to_plain(value._asdict())
    if isinstance(value, tuple | list):
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _to_plain(item) for name, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
