"""Compute every final score and the ranking of an unpacked export again: python recompute.py FOLDER.

It follows docs/metric.md in code of its own, with NumPy and safetensors alone; nothing of Lethe is imported.
It is written to be read beside that page, not to be fast.
"""

import csv
import hashlib
import json
import math
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

DELTA = 1e-5
TINY = 1e-45
CAP = 50.0
DISCARDED = -np.inf
PUBLISHED = (
    "team_id",
    "source_sha256",
    "artifact_sha256",
    "state",
    "selected",
    "superseded",
    "disqualified",
    "baseline_name",
)
"""What the published results say of every submission, besides its scores."""


def confidences(logits, labels):
    """Return c = ln(p_y + 1e-45) - ln(sum of the other p + 1e-45), [models, examples]."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=2, keepdims=True)
    p = np.exp(shifted)
    p /= p.sum(axis=2, keepdims=True)
    examples = np.arange(len(labels))
    right = p[:, examples, labels]
    p[:, examples, labels] = 0.0
    return np.log(right + TINY) - np.log(p.sum(axis=2) + TINY)


def epsilon_of_rates(fpr, fnr):
    """The epsilon that one rule shows, in float32; -inf where the rule is discarded, +inf without errors."""
    if fpr == 0 and fnr == 0:
        return np.inf
    if fpr == 0 or fnr == 0:
        return DISCARDED
    with np.errstate(divide="ignore", invalid="ignore"):
        rest = np.float32(1.0 - DELTA)
        one = np.log(rest - fpr) - np.log(fnr)
        other = np.log(rest - fnr) - np.log(fpr)
    best = np.fmax(one, other)
    return DISCARDED if np.isnan(best) else max(float(best), 0.0)


def largest_epsilon(positive, negative, left, right):
    """The largest epsilon over rules that say "positive" within [left, right] of equal shapes."""
    n = len(positive)
    positive, negative = np.sort(positive), np.sort(negative)

    def inside(side):
        counts = np.searchsorted(side, right, "right") - np.searchsorted(side, left, "left")
        return np.maximum(counts, 0)

    errors = set(zip(inside(negative).ravel().tolist(), (n - inside(positive)).ravel().tolist(), strict=True))
    rate = np.arange(n + 1, dtype=np.float32) / np.float32(n)
    return max((epsilon_of_rates(rate[fp], rate[fn]) for fp, fn in errors), default=DISCARDED)


def linspace32(low, high, n):
    """torch.linspace: float32 steps from both ends to the middle."""
    first, last = np.float32(low), np.float32(high)
    if n < 2:
        return np.full(n, first, np.float64)
    step = np.float64((last - first) / np.float32(n - 1))
    up = np.float64(first) + step * np.arange(n // 2)
    down = np.float64(last) - step * np.arange(n - n // 2)[::-1]
    return np.concatenate([up, down]).astype(np.float32).astype(np.float64)


def epsilon(unlearned, reference):
    """The epsilon of one forget example, from its N unlearned and N reference confidences."""
    range_u, range_r = np.ptp(unlearned), np.ptp(reference)
    larger = max(range_u, range_r)
    if larger > 0 and min(range_u, range_r) / larger < 0.01:
        return CAP
    unlearned_is_higher = np.median(unlearned) >= np.median(reference)
    higher, lower = (unlearned, reference) if unlearned_is_higher else (reference, unlearned)
    unlearned_is_narrower = not unlearned_is_higher if range_u == range_r else range_u < range_r
    narrow, wide = (unlearned, reference) if unlearned_is_narrower else (reference, unlearned)

    low, high = min(unlearned.min(), reference.min()), max(unlearned.max(), reference.max())
    single = linspace32(low, high, math.ceil((high - low) * 100))
    best = largest_epsilon(higher, lower, single, np.full_like(single, np.inf))

    width = narrow.max() - narrow.min()
    first, last = narrow.min() + width - 2.0, narrow.max() + 2.0
    right = np.linspace(first, last, math.ceil((last - first) * 100))
    left = np.linspace(right - width - 2.0, right - width + 2.0, 400)
    best = max(best, largest_epsilon(narrow, wide, left, np.broadcast_to(right, left.shape)))
    if best == DISCARDED:  # every threshold of the grids: the confidences themselves decide
        points = np.sort(np.concatenate([unlearned, reference]))
        left, right = np.meshgrid(points, points, indexing="ij")
        best = largest_epsilon(narrow, wide, left, right)
    return float(np.clip(best, 0.0, CAP))


def points(eps, n_models):
    """H: 1 for eps < 1/2, half for each further half, 0 beyond what N models can show."""
    bucket = math.floor(eps / 0.5)
    return 2.0**-bucket if (bucket + 1) * 0.5 <= math.ceil(math.log(n_models - 1)) else 0.0


def final_score(artifact):
    """F times both accuracy ratios."""
    labels = artifact["labels.forget"]
    unlearned = confidences(artifact["unlearned.forget_logits"], labels)
    reference = confidences(artifact["reference.forget_logits"], labels)
    n_models = len(unlearned)
    h = [points(epsilon(u, r), n_models) for u, r in zip(unlearned.T, reference.T, strict=True)]
    score = float(np.mean(h))
    for split in ("retain", "test"):
        name = f"{split}_accuracies"
        score *= float(artifact[f"unlearned.{name}"].mean()) / float(artifact[f"reference.{name}"].mean())
    return score


def best_first(submission):
    """Return what orders a ranking: the higher score, the earlier submission, the lower id."""
    return (-submission["recomputed"], datetime.fromisoformat(submission["created_at"]), submission["id"])


def last_first(submission):
    """Return what orders a team's submissions where its last one stands for it."""
    return (
        -datetime.fromisoformat(submission["created_at"]).timestamp(),
        -int(submission["id"].replace("-", ""), 16),
    )


def may_stand(submission, rule):
    """Return whether a submission may stand for its team."""
    out = submission["superseded_at"] or submission["disqualified_at"] or submission["baseline_name"]
    is_chosen = rule != "selected" or submission["selected_at"]
    return submission["state"] == "finished" and "recomputed" in submission and is_chosen and not out


def ranking(submissions, rule):
    """Return the ids of the submissions that rank, the first first."""
    standing = {}
    candidates = [one for one in submissions if may_stand(one, rule)]
    for one in sorted(candidates, key=last_first if rule == "last" else best_first):
        standing.setdefault(one["team_id"], one)
    return [one["id"] for one in sorted(standing.values(), key=best_first)]


def check_files(folder, submissions):
    """Yield what is wrong with the stored files: each must have the hash that its submission names."""
    for one in submissions:
        for kind in ("source", "artifact"):
            if one[kind]:
                found = hashlib.sha256((folder / one[kind]).read_bytes()).hexdigest()
                if found != one[f"{kind}_sha256"]:
                    yield f"{one[kind]}: its sha256 is {found}"


def check_scores(folder, submissions):
    """Yield what is wrong with the scores, and note in each submission what its artifact earns."""
    for one in submissions:
        if one["artifact"]:
            one["recomputed"] = final_score(load_file(folder / one["artifact"]))
            if one["recomputed"] != one["final_score"]:
                yield f"submission {one['id']}: {one['recomputed']!r}, not {one['final_score']!r}"
        elif one["final_score"] is not None:
            yield f"submission {one['id']}: it has a score, and no artifact"


def check_ranking(folder, phase, ranked, earned):
    """Yield what is wrong with the board as exported: its order, and the final score of each row."""
    with (folder / "leaderboard.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["rank"]]
    stated = [row["submission_id"] for row in rows]
    if ranked != stated:
        yield f"the ranking is {ranked}, not {stated}"
    for row in rows:
        yield from check_shown("leaderboard.csv", row, earned, phase["score_decimals"])


def check_shown(where, shown, earned, decimals):
    """Yield whether a row shows another final score than its submission earned, rounded as the phase says."""
    exact = earned.get(shown["submission_id"])
    expected = exact if exact is None or decimals is None else round(exact, decimals)
    if float(shown["final_score"]) != expected:
        yield f"{where}: submission {shown['submission_id']} has {shown['final_score']}, not {expected}"


def check_published(published, submissions, ranked, earned):
    """Yield what the published results say otherwise than the export: ranks, scores, hashes and rulings."""
    rows = published["board"]["rows"]
    if ranked != [row["submission_id"] for row in rows]:
        yield "the published results rank otherwise"
    exported = {one["id"]: as_published(one) for one in submissions}
    if exported != {one["id"]: {name: one[name] for name in PUBLISHED} for one in published["submissions"]}:
        yield "the published results name other submissions, or other files, or rule otherwise"
    version, decimals = (published["rules"][name] for name in ("scoring_version", "score_decimals"))
    scores = [(row["submission_id"], row["score"]) for row in rows]
    entries = published["submissions"]
    scores += [(one["id"], one["scores"][version]) for one in entries if version in one["scores"]]
    for submission_id, score in scores:
        shown = {"submission_id": submission_id, "final_score": score["final_score"]}
        yield from check_shown("the published results", shown, earned, decimals)


def as_published(one):
    """Return what the published results say of a submission besides its scores."""
    rulings = {name: one[f"{name}_at"] is not None for name in ("selected", "superseded", "disqualified")}
    return {name: rulings[name] if name in rulings else one[name] for name in PUBLISHED}


def read_published(folder, phase):
    """Return the published results, or None where nothing is published."""
    if phase["results_sha256"] is None:
        return None
    content = (folder / "results.json").read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != phase["results_sha256"]:
        sys.exit(f"results.json is not the published file: its sha256 is {found}")
    print(f"published results: {found}")
    return json.loads(content)


def main(folder):
    """Print what differs; return whether anything does."""
    phase = json.loads((folder / "phase.json").read_text(encoding="utf-8"))
    if phase["scoring_version"] != "neurips2023-1":
        sys.exit(f"this script computes neurips2023-1, not {phase['scoring_version']}")
    submissions = json.loads((folder / "submissions.json").read_text(encoding="utf-8"))
    published = read_published(folder, phase)
    if published is not None:  # teams may have merged since
        teams = {one["id"]: one["team_id"] for one in published["submissions"]}
        submissions = [one | {"team_id": teams.get(one["id"])} for one in submissions]
    faults = [*check_files(folder, submissions), *check_scores(folder, submissions)]
    earned = {one["id"]: one["recomputed"] for one in submissions if "recomputed" in one}
    ranked = ranking(submissions, phase["board_rule"])
    faults += check_ranking(folder, phase, ranked, earned)
    if published is not None:
        faults += check_published(published, submissions, ranked, earned)
    for fault in faults:
        print(fault)
    print(f"{len(earned)} submissions, {len(ranked)} teams: {len(faults)} differences")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
