"""Draws the plots of docs/metric.md from real artifacts.

Run as `python docs/metric/make_plots.py FOLDER`, on a folder that `make_artifacts.py` filled.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from scoring import score
from scoring.artifact import Artifact
from scoring.baselines import Sides
from scoring.uncertainty import quality_by_n_models

_IMAGES = Path(__file__).parent.parent / "images"
_CEILING = "references against references"
_STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110}


def main(folder: Path, images: Path = _IMAGES) -> None:
    """Draw every plot from the artifacts in a folder."""
    plt.switch_backend("agg")
    artifacts = [Artifact.from_bytes(path.read_bytes()) for path in sorted(folder.glob("*.safetensors"))]
    names = [path.stem.replace("_", " ") for path in sorted(folder.glob("*.safetensors"))]
    submissions = {name: _sides(artifact) for name, artifact in zip(names, artifacts, strict=True)}
    with_ceiling = submissions | {_CEILING: _ceiling(artifacts[0])}
    with plt.rc_context(_STYLE):
        _draw_confidences(submissions).savefig(images / "metric_confidences.png")
        _draw_epsilons(with_ceiling).savefig(images / "metric_epsilons.png")
        _draw_quality_by_n_models(with_ceiling).savefig(images / "metric_quality_by_n_models.png")
    plt.close("all")


def _sides(artifact: Artifact) -> Sides:
    labels = artifact.labels.forget
    return Sides(artifact.unlearned.measurements(labels), artifact.reference.measurements(labels))


def _ceiling(artifact: Artifact) -> Sides:
    labels = artifact.labels.forget
    assert artifact.ceiling is not None
    return Sides(artifact.ceiling.measurements(labels), artifact.reference.measurements(labels))


def _draw_confidences(submissions: dict[str, Sides]) -> Figure:
    """Draw the confidences of one forget example, under the models of every submission."""
    figure, axes = plt.subplots(
        1, len(submissions), figsize=(10, 2.5), sharex=True, sharey=True, squeeze=False, layout="constrained"
    )
    for axis, (name, sides) in zip(axes[0], submissions.items(), strict=True):
        medians = np.median(sides.reference.confidences, axis=0)
        example = np.argsort(medians)[medians.size // 2]
        both = [side.confidences[:, example] for side in (sides.reference, sides.unlearned)]
        bins = np.linspace(np.min(both), np.max(both), 21).tolist()
        for confidences, label in zip(both, ("references", "unlearned"), strict=True):
            axis.hist(confidences, bins=bins, alpha=0.6, label=label)
        axis.set_title(f"{name}\nε = {score(*sides).epsilons[example]:.2f}", fontsize=9)
        axis.set_xlabel("confidence")
    axes[0][0].set_ylabel("models")
    axes[0][0].legend(frameon=False)
    return figure


def _draw_epsilons(submissions: dict[str, Sides]) -> Figure:
    """Draw how many examples have an epsilon of at most so much."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for name, sides in submissions.items():
        epsilons = np.sort(score(*sides).epsilons)
        shares = np.arange(1, epsilons.size + 1) / epsilons.size
        axis.step(epsilons, shares, where="post", label=name, **_line(name))
    axis.set(xlim=(0, 6), xlabel="epsilon (lower is better)", ylabel="share of the forget examples")
    axis.legend(frameon=False)
    return figure


def _draw_quality_by_n_models(submissions: dict[str, Sides]) -> Figure:
    """Draw F as a function of the number of models."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for name, sides in submissions.items():
        found = quality_by_n_models(*sides, seed=0)
        sizes = [at.n_models for at in found]
        means, sds = [at.mean for at in found], [at.sd for at in found]
        axis.errorbar(sizes, means, sds, label=name, capsize=2, **_line(name))
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [str(size) for size in sizes])
    axis.set(xlabel="models on each side", ylabel="forgetting quality F", ylim=(0, None))
    axis.legend(frameon=False)
    return figure


def _line(name: str) -> dict[str, str]:
    return {"color": "black", "linestyle": "--"} if name == _CEILING else {}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
