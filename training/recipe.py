"""How a model is trained; by default as in the 2023 challenge."""

import math
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Recipe:
    """Adam with cosine annealing to 0 and cross-entropy; the defaults are the 2023 challenge's recipe.

    Attributes:
        epochs: passes over the training set, at least 1.
        batch_size: images per step, at least 2.
        learning_rate: of the first step, above 0.
        weight_decay: Adam's L2 coefficient, at least 0.
        drop_last: leave an incomplete last batch out (a tiny one ruins the batch norm statistics).
        cosine: whether the learning rate falls once per "epoch" or per "step".
        class_weights: weight each class of the loss by the inverse of its frequency.

    Raises:
        ValueError: a value out of range.
    """

    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 5e-3
    drop_last: bool = False
    cosine: Literal["epoch", "step"] = "epoch"
    class_weights: bool = True

    def __post_init__(self) -> None:
        _check("epochs", type(self.epochs) is int and self.epochs >= 1, "a whole number >= 1")
        _check(
            "batch_size",
            type(self.batch_size) is int and self.batch_size >= 2,
            "a whole number >= 2",
        )
        _check("learning_rate", _is_finite(self.learning_rate) and self.learning_rate > 0, "a number > 0")
        _check("weight_decay", _is_finite(self.weight_decay) and self.weight_decay >= 0, "a number >= 0")
        _check("drop_last", type(self.drop_last) is bool, "true or false")
        _check("cosine", self.cosine in ("epoch", "step"), '"epoch" or "step"')
        _check("class_weights", type(self.class_weights) is bool, "true or false")

    @property
    def least_images(self) -> int:
        """Images of the smallest batch that is trained on; one image alone has no batch statistics."""
        return self.batch_size if self.drop_last else 2

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a JSON-able dict."""
        return asdict(self)


def _is_finite(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


def _check(field: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise ValueError(f"recipe {field} must be {wanted}")
