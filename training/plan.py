"""The plan of a phase: which faces, network and recipe its models are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from faces.bundle import N_AGE_GROUPS
from faces.synthetic import SyntheticFaces
from submissions_sandbox.architectures import Architecture
from training.recipe import Recipe


@dataclass(frozen=True)
class BundleParts:
    """The hashes under which the parts of a bundle are stored."""

    participant: str
    secret: str
    manifest: str


@dataclass(frozen=True)
class Plan:
    """What the organizer asked for, complete: whatever was left out has the challenge's values."""

    architecture: Architecture
    recipe: Recipe
    faces: SyntheticFaces | BundleParts

    @classmethod
    def read(
        cls, *, dataset: Mapping[str, Any], architecture: Mapping[str, Any], recipe: Mapping[str, Any]
    ) -> Self:
        """Read the three parts of a competition.yaml that say how a phase's models are made.

        Raises:
            ValueError: an unknown key, a value out of range, or a network that does not tell the age groups.
        """
        kinds = {"synthetic": SyntheticFaces, "bundle": BundleParts}
        kind = dataset.get("kind")
        if kind not in kinds:
            raise ValueError(f"dataset kind must be one of {', '.join(kinds)}, not {kind!r}")
        try:
            plan = cls(
                architecture=Architecture(**architecture),
                recipe=Recipe(**recipe),
                faces=kinds[kind](**{key: value for key, value in dataset.items() if key != "kind"}),
            )
        except TypeError as error:  # of a dataclass that gets a key it does not know, or lacks one
            raise ValueError(str(error)) from error
        if plan.architecture.n_classes != N_AGE_GROUPS:
            raise ValueError(
                f"architecture n_classes must be {N_AGE_GROUPS}, the number of age groups, "
                f"not {plan.architecture.n_classes}"
            )
        return plan
