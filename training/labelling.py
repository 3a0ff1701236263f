"""Age labelling: a model that learns age groups from one bundle and gives them to another."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from faces.bundle import Bundle, Split
from faces.folder import BundleFolder
from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe
from training.threads import one_thread
from training.train import train

_BATCH_SIZE = 500
_DECIMALS = 4

Report = Callable[[int], object]


class LabellingError(ValueError):
    """Bundles that labelling can do nothing with."""


@dataclass(frozen=True)
class AgeModel:
    """A trained age model, where it comes from, and how good it is.

    Attributes:
        state: its state_dict.
        architecture, recipe, seed: what it was trained with.
        teacher: sha256 of the manifest of the bundle that it was trained on.
        age_groups: the groups in years, where that manifest states them.
        accuracy: share of the teacher's test set that it puts into the right age group, 0..1.
        chance: what always naming the most common group of that test set would get.
        n_test: images of that test set.
    """

    state: dict[str, torch.Tensor]
    architecture: Architecture
    recipe: Recipe
    seed: int
    teacher: str
    age_groups: Mapping[str, Any] | None
    accuracy: float
    chance: float
    n_test: int

    @property
    def is_near_chance(self) -> bool:
        """Whether the accuracy may be luck: within three standard errors of chance."""
        error = math.sqrt(self.chance * (1 - self.chance) / self.n_test)
        return self.accuracy <= self.chance + 3 * error

    @property
    def weights(self) -> bytes:
        """The state_dict as safetensors."""
        return save(self.state)

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest of a bundle that it labels says of it."""
        return {
            "weights_sha256": hashlib.sha256(self.weights).hexdigest(),
            "architecture": self.architecture.to_dict(),
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "trained_on": self.teacher,
            "test_accuracy": self.accuracy,
            "chance_accuracy": self.chance,
        }


def train_age_model(
    teacher: BundleFolder, *, architecture: Architecture, recipe: Recipe, seed: int
) -> AgeModel:
    """Train an age model on retain and forget of a bundle, and measure it on test.

    Raises:
        LabellingError: the bundle is unlabelled, or too small for the recipe.
    """
    bundle = teacher.bundle
    if not bundle.is_labelled:
        raise LabellingError("a model cannot learn age groups from a bundle that has none")
    try:
        state = train(
            np.concatenate([bundle.retain.images, bundle.forget.images]),
            np.concatenate([bundle.retain.age_group, bundle.forget.age_group]),
            architecture=architecture,
            recipe=recipe,
            seed=seed,
        )
    except ValueError as error:
        raise LabellingError(str(error)) from error
    truth = bundle.test.age_group
    return AgeModel(
        state=state,
        architecture=architecture,
        recipe=recipe,
        seed=seed,
        teacher=hashlib.sha256(teacher.files.manifest).hexdigest(),
        age_groups=bundle.manifest.get("age_groups"),
        accuracy=float(np.mean(_guess(_network(architecture, state), bundle.test).age_group == truth)),
        chance=float(np.bincount(truth).max() / len(truth)),
        n_test=len(truth),
    )


def check_unlabelled(faces: Bundle) -> None:
    """Raise `LabellingError` if a bundle has age groups already: measured ages are never replaced."""
    if faces.is_labelled:
        raise LabellingError("the bundle to be labelled has age groups already")


def label_faces(faces: Bundle, model: AgeModel, *, report: Report = lambda _: None) -> Bundle:
    """Return a bundle with the age groups that a model gives it; the ages in years stay unknown.

    Args:
        faces: unlabelled.
        model: what says the age groups.
        report: called after each batch with its number of images.

    Raises:
        LabellingError: the bundle has age groups already.
    """
    check_unlabelled(faces)
    net = _network(model.architecture, model.state)
    guesses = {name: _guess(net, split, report) for name, split in faces.splits.items()}
    confidence = {name: guess.confidence for name, guess in guesses.items()}
    manifest = {
        **faces.manifest,
        "labels": {"kind": "model", "model": model.to_dict(), "confidence": confidence},
    }
    if model.age_groups is not None:
        manifest["age_groups"] = model.age_groups
    splits = {name: replace(split, age_group=guesses[name].age_group) for name, split in faces.splits.items()}
    return Bundle(**splits, manifest=manifest)


def _network(architecture: Architecture, state: dict[str, torch.Tensor]) -> nn.Module:
    net = build(architecture).eval()
    net.load_state_dict(state)
    return net


class _Guess(NamedTuple):
    """Age groups, int64 [n], and the softmax of each, 0..1, rounded to 4 decimals."""

    age_group: NDArray[np.int64]
    confidence: list[float]


def _guess(net: nn.Module, split: Split, report: Report = lambda _: None) -> _Guess:
    groups, confidences = [], []
    with one_thread(), torch.inference_mode():
        for batch in torch.split(torch.from_numpy(split.images), _BATCH_SIZE):
            best = net(batch.float()).double().softmax(dim=1).max(dim=1)
            groups.append(best.indices)
            confidences.append(best.values)
            report(len(batch))
    rounded = [round(confidence, _DECIMALS) for confidence in torch.cat(confidences).tolist()]
    return _Guess(torch.cat(groups).numpy(), rounded)
