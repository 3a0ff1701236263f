"""The artifact: all that the scores of one submission are computed from, for ever and without a GPU."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import accumulate
from operator import attrgetter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from scoring import artifact_file
from scoring.artifact_file import ArtifactError
from scoring.confidence import logit_scaled_confidence
from scoring.final import Measurements

__all__ = ["Artifact", "ArtifactError", "Labels", "ModelSet", "Provenance"]

_REQUIRED_SETS = ("unlearned", "reference")
_OPTIONAL_SETS = ("ceiling", "original")
_LONGEST_S = 1e9
_DEEPEST = 20  # brackets within brackets in the architecture


@dataclass(frozen=True)
class ModelSet:
    """What the models of one kind say, and how often they are right.

    Attributes:
        forget_logits: [n_models, n_forget, n_classes] float32, of the forget set.
        retain_logits: [n_models, n_retain, n_classes] float32, of a fixed sample of the retain set.
        test_logits: [n_models, n_test, n_classes] float32, of a fixed sample of the test set.
        retain_accuracies: [n_models] float64, fractions of the whole retain set, 0..1.
        test_accuracies: [n_models] float64, fractions of the whole test set, 0..1.

    Raises:
        ArtifactError: another dtype (float16 saturates), shapes that do not fit each other, an empty axis, a
            logit that is not finite, or an accuracy outside 0..1.
    """

    forget_logits: NDArray[np.float32]
    retain_logits: NDArray[np.float32]
    test_logits: NDArray[np.float32]
    retain_accuracies: NDArray[np.float64]
    test_accuracies: NDArray[np.float64]

    def __post_init__(self) -> None:
        axes: dict[str, int | None] = {"n_models": None, "n_examples": None, "n_classes": None}
        for name in ("forget_logits", "retain_logits", "test_logits"):
            logits = getattr(self, name)
            _check_array(name, logits, np.float32, axes)
            _check_values(name, logits, np.isfinite(logits), "a finite number")
            axes |= {"n_models": self.n_models, "n_classes": self.n_classes}
        for name in ("retain_accuracies", "test_accuracies"):
            accuracies = getattr(self, name)
            _check_array(name, accuracies, np.float64, {"n_models": self.n_models})
            _check_values(name, accuracies, (accuracies >= 0) & (accuracies <= 1), "a fraction of 0..1")

    @property
    def n_models(self) -> int:
        """The number of models."""
        return len(self.forget_logits)

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return int(self.forget_logits.shape[2])

    def measurements(self, forget_labels: NDArray[np.int64]) -> Measurements:
        """Return what the score is computed from.

        Args:
            forget_labels: [n_forget] int64, the true classes of the forget set, 0..n_classes − 1.

        Raises:
            ValueError: labels that do not fit the forget logits.
        """
        return Measurements(
            confidences=logit_scaled_confidence(self.forget_logits, forget_labels),
            retain_accuracies=self.retain_accuracies,
            test_accuracies=self.test_accuracies,
        )


@dataclass(frozen=True)
class Labels:
    """The true classes of the examples whose logits are known: three times int64 [n], 0..n_classes − 1."""

    forget: NDArray[np.int64]
    retain: NDArray[np.int64]
    test: NDArray[np.int64]

    def __post_init__(self) -> None:
        for sample in fields(self):
            _check_array(f"labels.{sample.name}", getattr(self, sample.name), np.int64, {"n_examples": None})


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from.

    Attributes:
        bundle_sha256: of the bundle's manifest, which names the hashes of its parts.
        architecture: of every model; an object that JSON keeps as it is.
        code_sha256: of the submission as it was uploaded.
        sandboxes: the images, or kinds, of the sandboxes that ran it.
        evaluator_version: of the evaluator that measured all models.
        scoring_version: the metric's, at the time of writing.

    Raises:
        ArtifactError: an attribute of another type, or an architecture that JSON would change.
    """

    bundle_sha256: str
    architecture: dict[str, Any]
    code_sha256: str
    sandboxes: tuple[str, ...]
    evaluator_version: str
    scoring_version: str

    def __post_init__(self) -> None:
        for name in ("bundle_sha256", "code_sha256", "evaluator_version", "scoring_version"):
            _check_text(f"the {name}", getattr(self, name))
        _check_texts("sandboxes", self.sandboxes)
        text = artifact_file.canonical("the architecture", self.architecture)
        if max(accumulate((c in "[{") - (c in "]}") for c in text), default=0) > _DEEPEST:
            raise ArtifactError(f"the architecture is nested more than {_DEEPEST} deep")
        kept = json.loads(text)
        if not isinstance(kept, dict) or kept != self.architecture:
            raise ArtifactError(f"the architecture is no JSON object: {self.architecture!r:.100}")


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """All that one submission is scored from.

    Attributes:
        unlearned: the N models that the submission returned.
        reference: N models retrained without the forget set.
        ceiling: N other models retrained so, to score references against references; None if there are none.
        original: the one model that every run began with; None if it was not measured.
        labels: of the examples that the logits of all these are of.
        seconds: [N] float64, how long each run took, at least 0.
        seed_fingerprints: N texts, equal where the seeds of two runs were.
        provenance: where all this comes from.

    Raises:
        ArtifactError: counts that disagree, a label that is no class, or seconds that are not finite or
            below 0.
    """

    unlearned: ModelSet
    reference: ModelSet
    ceiling: ModelSet | None
    original: ModelSet | None
    labels: Labels
    seconds: NDArray[np.float64]
    seed_fingerprints: tuple[str, ...]
    provenance: Provenance

    def __post_init__(self) -> None:
        n_models, n_classes = self.unlearned.n_models, self.unlearned.n_classes
        for sample in fields(self.labels):
            labels = getattr(self.labels, sample.name)
            is_class = (labels >= 0) & (labels < n_classes)
            _check_values(f"labels.{sample.name}", labels, is_class, f"a class of 0..{n_classes - 1}")
            for name in self._sets():
                n_of_this = 1 if name == "original" else n_models
                axes = {"n_models": n_of_this, "n_labels": labels.size, "n_classes": n_classes}
                path = f"{name}.{sample.name}_logits"
                _check_array(path, attrgetter(path)(self), np.float32, axes)
        _check_array("seconds", self.seconds, np.float64, {"n_models": n_models})
        is_duration = (self.seconds >= 0) & (self.seconds <= _LONGEST_S)
        _check_values("seconds", self.seconds, is_duration, f"a number of 0..{_LONGEST_S:g}")
        _check_texts("seed_fingerprints", self.seed_fingerprints)
        if len(self.seed_fingerprints) != n_models:
            raise ArtifactError(f"{len(self.seed_fingerprints)} seed fingerprints for {n_models} models")

    def to_bytes(self) -> bytes:
        """Write the artifact as one file; equal artifacts give equal bytes."""
        # An array's name in the file is its place here, as in `reference.test_logits`.
        arrays = {name: attrgetter(name)(self) for name in _array_names(self._sets())}
        facts = {"provenance": vars(self.provenance), "seed_fingerprints": self.seed_fingerprints}
        return artifact_file.write(artifact_file.Content(arrays, facts))

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            ArtifactError: it is anything else, cut short, damaged, or of another version.
        """
        arrays, facts = artifact_file.read(data)
        optional = {name for name in _OPTIONAL_SETS if any(key.startswith(f"{name}.") for key in arrays)}
        _check_names("the array", arrays, _array_names([*_REQUIRED_SETS, *optional]))
        _check_names("the fact", facts, ["provenance", "seed_fingerprints"])
        return cls(
            unlearned=_model_set(arrays, "unlearned"),
            reference=_model_set(arrays, "reference"),
            ceiling=_model_set(arrays, "ceiling") if "ceiling" in optional else None,
            original=_model_set(arrays, "original") if "original" in optional else None,
            labels=Labels(arrays["labels.forget"], arrays["labels.retain"], arrays["labels.test"]),
            seconds=arrays["seconds"],
            seed_fingerprints=_as_tuple(facts["seed_fingerprints"]),
            provenance=_provenance(facts["provenance"]),
        )

    def _sets(self) -> list[str]:
        return [*_REQUIRED_SETS, *(name for name in _OPTIONAL_SETS if getattr(self, name) is not None)]


def _check_array(
    name: str, array: NDArray[Any], dtype: type[np.generic], axes: Mapping[str, int | None]
) -> None:
    """Check the dtype, and of every axis that it is not empty and, where that is known, its length."""
    fits = array.ndim == len(axes) and all(
        found > 0 and length in (None, found)
        for found, length in zip(array.shape, axes.values(), strict=True)
    )
    if array.dtype != dtype or not fits:
        expected = ", ".join(axis if length is None else f"{axis}={length}" for axis, length in axes.items())
        raise ArtifactError(
            f"{name} must be {np.dtype(dtype)} [{expected}] and not empty, "
            f"but is {array.dtype} {list(array.shape)}"
        )


def _check_values(name: str, array: NDArray[Any], is_good: NDArray[np.bool_], what: str) -> None:
    if not is_good.all():
        bad = np.argwhere(~is_good)
        place = bad[0].tolist()
        raise ArtifactError(f"{name}{place} is {array[tuple(place)]}, not {what} ({len(bad)} such in all)")


def _check_texts(name: str, texts: object) -> None:
    if not isinstance(texts, tuple):
        raise ArtifactError(f"the {name} must be texts in a tuple, not {texts!r:.100}")
    for text in texts:
        _check_text(f"each of the {name}", text)


def _check_text(name: str, text: object) -> None:
    # It ends up in terminals and in JSON: no control characters, no halves of surrogate pairs.
    if not isinstance(text, str) or not text.isprintable():
        raise ArtifactError(f"{name} must be a printable text, not {text!r:.100}")


def _check_names(kind: str, found: Iterable[str], expected: Iterable[str]) -> None:
    found, expected = set(found), set(expected)
    if missing := sorted(expected - found):
        raise ArtifactError(f"{kind} {missing[0]} is missing")
    if unknown := sorted(found - expected):
        raise ArtifactError(f"{kind} {unknown[0]!r:.100} does not belong in an artifact")


def _array_names(sets: Iterable[str]) -> list[str]:
    groups = {**dict.fromkeys(sets, ModelSet), "labels": Labels}
    return ["seconds", *(f"{group}.{field.name}" for group, kind in groups.items() for field in fields(kind))]


def _model_set(arrays: Mapping[str, NDArray[Any]], name: str) -> ModelSet:
    try:
        return ModelSet(**{field.name: arrays[f"{name}.{field.name}"] for field in fields(ModelSet)})
    except ArtifactError as error:
        raise ArtifactError(f"{name}.{error}") from error


def _provenance(facts: object) -> Provenance:
    if not isinstance(facts, dict):
        raise ArtifactError(f"the provenance must be an object, not {facts!r:.100}")
    _check_names("the provenance's", facts, [field.name for field in fields(Provenance)])
    return Provenance(**{**facts, "sandboxes": _as_tuple(facts["sandboxes"])})


def _as_tuple(value: object) -> Any:
    """Return a list, JSON's only sequence, as a tuple; what is none is left for the constructor to refuse."""
    return tuple(value) if isinstance(value, list) else value
