"""The report as plain text for a terminal."""

from collections.abc import Iterator

import numpy as np

from scoring.final import Score
from scoring.report import Audits, Rated, Report
from scoring.uncertainty import Interval

_BUCKET = 0.5
_BAR = 40


def report_text(report: Report) -> str:
    """Return the report in lines of at most about 110 characters."""
    score = report.submission.score
    sections = (
        [
            f"{score.n_models} models a side, {score.n_examples} forget examples, "
            f"metric {report.scoring_version}, seed {report.seed}, {report.mean_run_seconds:.2f} s a run"
        ],
        _scores(report),
        _histogram(score),
        _fewer_models(report),
        _audits(report),
        _flags(report),
        _provenance(report),
    )
    return "\n\n".join("\n".join(lines) for lines in sections)


def _scores(report: Report) -> Iterator[str]:
    yield f"{'':32}{'final score':>12} {'95 %':>16}{'F':>9} {'95 %':>16}{'retain':>9}{'test':>8}"
    yield _rated_line("submission", report.submission)
    if report.ceiling is not None:
        name = f"ceiling ({report.ceiling_kind}, N = {report.ceiling.score.n_models})"
        yield _rated_line(name, report.ceiling)
    if report.floor is not None:
        yield _score_line("floor (original model)", report.floor)
    found = report.submission.uncertainty
    yield f"over reruns alone: final score {_range(found.final_score_of_reruns)}, " + (
        f"F {_range(found.forgetting_quality_of_reruns)}, "
        f"retain ratio {_range(found.retain_ratio)}, test ratio {_range(found.test_ratio)}"
    )


def _rated_line(name: str, rated: Rated) -> str:
    found = rated.uncertainty
    return _score_line(name, rated.score, _range(found.final_score), _range(found.forgetting_quality))


def _score_line(name: str, score: Score, final_range: str = "", quality_range: str = "") -> str:
    return (
        f"{name:32}{score.final_score:12.4f} {final_range:>16}{score.forgetting_quality:9.4f} "
        f"{quality_range:>16}{score.retain_ratio:9.3f}{score.test_ratio:8.3f}"
    )


def _range(interval: Interval) -> str:
    return f"{interval.low:.4f}–{interval.high:.4f}"


def _histogram(score: Score) -> Iterator[str]:
    """Yield the examples by epsilon; a bucket without points is one that N models cannot measure."""
    yield "epsilon       examples   points each"
    buckets = np.floor(score.epsilons / _BUCKET).astype(np.intp)
    for bucket in np.unique(buckets):
        here = buckets == bucket
        n, points = int(here.sum()), float(score.qualities[here][0])
        bar = "█" * max(1, round(_BAR * n / score.n_examples))
        low, high = bucket * _BUCKET, (bucket + 1) * _BUCKET
        yield f"{low:4.1f} – {high:4.1f} {n:10d}   {points:10.4g}  {bar}"


def _fewer_models(report: Report) -> Iterator[str]:
    yield "F with fewer models, which flatter everybody: compare with the ceiling's"
    for name, found in (("submission", report.quality_by_n_models), ("ceiling", report.ceiling_by_n_models)):
        if found:
            yield f"  {name:12}" + "   ".join(f"N={at.n_models}: {at.mean:.3f} ± {at.sd:.3f}" for at in found)


def _audits(report: Report) -> Iterator[str]:
    yield f"{'other attacks (never part of the score)':58}{'submission':>12}{'ceiling':>10}"
    theirs = _audit_numbers(report.ceiling_audits) if report.ceiling_audits is not None else {}
    for name, number in _audit_numbers(report.audits).items():
        beside = f"{theirs[name]:10.3f}" if name in theirs else ""
        yield f"  {name:56}{number:12.3f}{beside}"


def _audit_numbers(audits: Audits) -> dict[str, float]:
    ratio, bounded = audits.likelihood_ratio, audits.bounded
    numbers = {
        "exact intervals: F": audits.exact_intervals.forgetting_quality,
        "held-out rule: F": audits.held_out.forgetting_quality,
        "likelihood ratio: F": ratio.forgetting_quality,
        "likelihood ratio: share of right guesses, 0.5 is chance": ratio.accuracy,
        "likelihood ratio: AUC, 0.5 is chance": ratio.auc,
        f"epsilon above 0 at {100 * bounded.level:.0f} % confidence: share": bounded.share_above_zero,
        "KLoM on forget: mean": audits.margins_forget.mean,
        "KLoM on forget: 95th percentile": audits.margins_forget.percentile_95,
        "KLoM on retain: mean": audits.margins_retain.mean,
        "KLoM on test: mean": audits.margins_test.mean,
    }
    if audits.losses_unlearned is not None:
        numbers["losses: forget told from test, 0.5 is chance"] = audits.losses_unlearned.accuracy
    return numbers


def _flags(report: Report) -> Iterator[str]:
    yield "flags, each with a false-alarm rate of at most 1 %"
    for flag in report.flags:
        yield f"  {'RAISED' if flag.raised else 'ok':8}{flag.name}: {flag.sentence}"


def _provenance(report: Report) -> Iterator[str]:
    provenance = report.provenance
    yield f"bundle      {provenance.bundle_sha256}"
    yield f"code        {provenance.code_sha256}"
    yield f"sandboxes   {', '.join(provenance.sandboxes)}"
    yield f"evaluator   {provenance.evaluator_version}, architecture {provenance.architecture}"
