"""Synthetic people: who is drawn, how each picture of them varies, and the bundle they make."""

from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from faces.bundle import N_AGE_GROUPS, Bundle, Split
from faces.drawing import Portraits, draw

_MAX_AGE = 100
_PERSON_NOISE_YEARS = 1.0  # some look older than they are
_IMAGE_NOISE_YEARS = 2.0  # and older in one picture than in another

# Where natural skin, hair and irises lie: corners to mix between, sRGB 0..1.
_SKINS = np.array([[0.96, 0.82, 0.72], [0.87, 0.67, 0.52], [0.66, 0.46, 0.33], [0.40, 0.26, 0.19]])
_HAIRS = np.array(
    [[0.08, 0.06, 0.06], [0.25, 0.15, 0.09], [0.45, 0.30, 0.16], [0.78, 0.62, 0.36], [0.58, 0.24, 0.10]]
)
_IRISES = np.array([[0.22, 0.12, 0.06], [0.40, 0.26, 0.12], [0.28, 0.42, 0.25], [0.30, 0.48, 0.66]])


@dataclass(frozen=True)
class SyntheticFaces:
    """How many people are drawn; the defaults make the demo's bundle.

    Attributes:
        n_people: people the original model is trained on; images_per_person images of each.
        images_per_person: at least 1.
        n_forget_people: how many of them are forgotten with all their images; at least 1, below n_people.
        n_val_people, n_test_people: further people; held_out_images_per_person images of each.
        held_out_images_per_person: at least 1.
        seed: decides everything, at least 0.

    Raises:
        ValueError: a number out of range.
    """

    n_people: int = 400
    images_per_person: int = 3
    n_forget_people: int = 34
    n_val_people: int = 100
    n_test_people: int = 200
    held_out_images_per_person: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name == "seed" else 1
            if type(value) is not int or value < least:
                raise ValueError(f"{field.name} must be a whole number >= {least}, not {value!r}")
        if self.n_forget_people >= self.n_people:
            raise ValueError(f"n_forget_people must be below n_people, {self.n_people}")

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a JSON-able dict."""
        return asdict(self)


def render(config: SyntheticFaces) -> Bundle:
    """Draw a bundle; on one machine the same configuration gives the same bytes.

    Ages are uniform over 0..99 and age groups are decades. Forget, val and test each hold people whom
    no other split holds.
    """
    seeds = np.random.SeedSequence(config.seed).spawn(4)
    people = (config.n_people, config.n_val_people, config.n_test_people)
    images_each = (config.images_per_person, *(config.held_out_images_per_person,) * 2)
    first_person = first_image = 0
    splits = []
    for n_people, n_images, seed in zip(people, images_each, seeds, strict=False):
        splits.append(
            _draw_people(n_people, n_images, first_person=first_person, first_image=first_image, seed=seed)
        )
        first_person += n_people
        first_image += n_people * n_images
    train, val, test = splits
    forgotten = np.random.default_rng(seeds[3]).choice(config.n_people, config.n_forget_people, replace=False)
    is_forgotten = np.isin(train.person_id, forgotten)
    return Bundle(
        retain=_rows(train, ~is_forgotten),
        forget=_rows(train, is_forgotten),
        val=val,
        test=test,
        manifest={
            "licence": "CC0-1.0",
            "provenance": {"kind": "synthetic", "generator": "faces.synthetic", **config.to_dict()},
        },
    )


def _rows(split: Split, chosen: NDArray[np.bool_]) -> Split:
    return Split(**{field.name: getattr(split, field.name)[chosen] for field in fields(Split)})


def _draw_people(
    n_people: int, images_each: int, *, first_person: int, first_image: int, seed: np.random.SeedSequence
) -> Split:
    generator = np.random.default_rng(seed)
    age = generator.integers(0, _MAX_AGE, n_people)
    looks = age + generator.normal(0.0, _PERSON_NOISE_YEARS, n_people)
    traits = _traits(generator, age)
    person = np.repeat(np.arange(n_people), images_each)
    n_images = len(person)
    apparent = looks[person] + generator.normal(0.0, _IMAGE_NOISE_YEARS, n_images)
    portraits = Portraits(
        age=np.maximum(apparent, 0.0).astype(np.float32),
        **{name: values[person].astype(np.float32) for name, values in traits.items()},
        **{name: values.astype(np.float32) for name, values in _shots(generator, n_images).items()},
    )
    return Split(
        images=draw(portraits, generator=generator),
        age=age[person],
        age_group=age[person] * N_AGE_GROUPS // _MAX_AGE,
        person_id=first_person + person,
        image_id=first_image + np.arange(n_images),
    )


def _traits(generator: np.random.Generator, age: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    """Return what stays with a person: each trait [n] or, for a colour, [n, 3]."""
    n = len(age)
    female = generator.random(n) < 0.5
    proportions = {
        name: np.clip(generator.normal(0.0, 0.6, n), -1.5, 1.5)
        for name in ("head", "jaw", "eyes", "gap", "brow", "nose", "mouth")
    }
    return {
        **proportions,
        "skin": _mixture(generator, _SKINS, n),
        "hair": _mixture(generator, _HAIRS, n),
        "iris": _mixture(generator, _IRISES, n),
        "balding": np.where(female, 0.15, 1.0) * generator.random(n),
        "long_hair": (generator.random(n) < np.where(female, 0.8, 0.08)).astype(float),
        "beard": (~female & (generator.random(n) < 0.35)).astype(float),
        "glasses": (generator.random(n) < np.where(age > 45, 0.35, 0.1)).astype(float),
    }


def _shots(generator: np.random.Generator, n: int) -> dict[str, NDArray[np.float64]]:
    """Return what differs between two pictures of one person."""
    names = ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom", "smile", "light_x", "light_y", "exposure")
    shots = {name: np.clip(generator.normal(0.0, 0.6, n), -1.5, 1.5) for name in names}
    shots["background"] = _muted(generator, n)
    shots["clothes"] = _muted(generator, n)
    return shots


def _mixture(generator: np.random.Generator, corners: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return n colours, each mostly one of the corners."""
    return generator.dirichlet(np.full(len(corners), 0.4), n) @ corners


def _muted(generator: np.random.Generator, n: int) -> NDArray[np.float64]:
    """Return n colours near grey."""
    return generator.uniform(0.25, 0.75, (n, 1)) + generator.uniform(-0.08, 0.08, (n, 3))
