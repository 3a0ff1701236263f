"""What the models of a phase are made of, as a competition.yaml says it: faces, network and training."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from core.bundle.values import Part
from faces.bundle import N_AGE_GROUPS

PARTS = ("participant", "secret", "manifest")
"""What a stored dataset consists of."""

_Count = Annotated[int, Field(strict=True, ge=1)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="The hash of what is stored.")]


class DrawnFaces(Part):
    """Synthetic faces: so many people, so many images of each."""

    kind: Literal["synthetic"]
    n_people: _Count = Field(default=400, description="People the original model is trained on.")
    images_per_person: _Count = 3
    n_forget_people: _Count = Field(default=34, description="How many of them are forgotten; not all.")
    n_val_people: _Count = 100
    n_test_people: _Count = 200
    held_out_images_per_person: _Count = Field(default=2, description="Of those in val and test.")
    seed: int = Field(default=0, strict=True, ge=0)

    @model_validator(mode="after")
    def _some_are_retained(self) -> Self:
        if self.n_forget_people >= self.n_people:
            raise ValueError(f"n_forget_people must be below n_people, {self.n_people}")
        return self

    @property
    def n_retain(self) -> int:
        """Images of the people who are not forgotten."""
        return (self.n_people - self.n_forget_people) * self.images_per_person


class BundledFaces(Part):
    """Faces of a dataset folder, or of one that is stored already."""

    kind: Literal["bundle"]
    path: str | None = Field(default=None, min_length=1, description="A dataset folder beside the file.")
    participant: _Sha256 | None = None
    secret: _Sha256 | None = None
    manifest: _Sha256 | None = None

    @model_validator(mode="after")
    def _is_named_once(self) -> Self:
        named = self.model_dump(exclude={"kind"}, exclude_none=True)
        if set(named) not in ({"path"}, set(PARTS)):
            raise ValueError(f"it has either a path, or {', '.join(PARTS)}: the hashes of its parts")
        return self


Dataset = Annotated[DrawnFaces | BundledFaces, Field(discriminator="kind")]


class Network(Part):
    """The network: a ResNet-18, by default as wide as torchvision's."""

    name: Literal["resnet18"] = "resnet18"
    width: _Count = Field(default=64, description="Channels of the first stage.")
    n_classes: int = Field(
        default=N_AGE_GROUPS, strict=True, ge=N_AGE_GROUPS, le=N_AGE_GROUPS, description="The age groups."
    )


class Training(Part):
    """How the original and the reference models are trained: Adam, by default as in the 2023 challenge."""

    epochs: _Count = 30
    batch_size: int = Field(default=64, strict=True, ge=2)
    learning_rate: _Number = Field(default=1e-4, gt=0)
    weight_decay: _Number = Field(default=5e-3, ge=0)
    drop_last: StrictBool = Field(default=False, description="Leave an incomplete last batch out.")
    cosine: Literal["epoch", "step"] = Field(default="epoch", description="How often the rate falls.")
    class_weights: StrictBool = Field(default=True, description="Weight classes by their rarity.")

    def problem_with(self, n_retain: int) -> str | None:
        """Return why so few images cannot be trained on, or None: one alone has no batch statistics."""
        least = self.batch_size if self.drop_last else 2
        if n_retain >= least:
            return None
        return f"retain has {n_retain} images; to train with this recipe takes at least {least}"
