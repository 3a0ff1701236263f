"""The split: which faces of an album are trained on, forgotten, given for validation, and kept secret."""

import math
import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from faces.album import Album
from faces.bundle import BATCH_SIZE, SPLITS, Bundle, Split

_NAMED_AT_MOST = 5  # people that a message lists

Rows = NDArray[np.int64]


class InvalidSplitError(ValueError):
    """A plan that is none, or that the album at hand cannot satisfy."""


@dataclass(frozen=True)
class SplitPlan:
    """How an album is split; where its source names splits, they are kept and `by` and the shares unused.

    Attributes:
        by: what is shuffled and dealt out to train, val and test: people with all their images
            ("identity"), or single images, which puts a person's images into several splits ("image").
        train_share, val_share, test_share: shares of the people, or the images; above 0, together 1.
        forget: what the forget set is drawn from: people with all their training images, or single images.
        n_forget: how many people, or images, are forgotten; at least 1.
        order: of those who may be forgotten: "shuffled", or people by rising "person_id".
        draw: which block of n_forget in that order, at least 0: two draws forget nobody, or no image, alike.
        seed: of the shuffles, at least 0.
        allow_shared_people: accept that the source's splits put a person into retain and forget, or into
            train and test.

    Raises:
        InvalidSplitError: a value out of range, or shares that do not add up.
    """

    by: Literal["identity", "image"] = "identity"
    train_share: float = 0.8
    val_share: float = 0.1
    test_share: float = 0.1
    forget: Literal["people", "images"] = "people"
    n_forget: int = 15
    order: Literal["shuffled", "person_id"] = "shuffled"
    draw: int = 0
    seed: int = 0
    allow_shared_people: bool = False

    def __post_init__(self) -> None:
        _check("by", self.by in ("identity", "image"), '"identity" or "image"')
        _check("forget", self.forget in ("people", "images"), '"people" or "images"')
        _check("order", self.order in ("shuffled", "person_id"), '"shuffled" or "person_id"')
        if self.forget == "images":
            _check("order", self.order == "shuffled", '"shuffled" where images are forgotten')
        for name, least in (("n_forget", 1), ("draw", 0), ("seed", 0)):
            value = getattr(self, name)
            _check(name, type(value) is int and value >= least, f"a whole number >= {least}")
        shares = (self.train_share, self.val_share, self.test_share)
        # Written so that NaN fails too.
        _check("shares", all(share > 0 for share in shares), "above 0")
        _check("shares", math.isclose(sum(shares), 1.0), f"1 together, not {sum(shares):g}")

    @classmethod
    def challenge(cls, *, draw: int = 0) -> Self:
        """Return the 2023 challenge's own: by image, so people who are trained on are tested on too."""
        return cls(by="image", order="person_id", seed=43, draw=draw)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the manifest states them under "split" where the source names no splits."""
        return asdict(self)


def split(album: Album, plan: SplitPlan) -> Bundle:
    """Split an album; the same album and plan give the same bundle.

    If the batches of 64 of retain or forget would leave one image over, that image is left out, and the
    manifest names it under "left_over": a submission that trains on it alone fails in batch norm.

    Raises:
        InvalidSplitError: fewer people or images than asked for, an empty split, or a source whose splits
            are incomplete or share people, up to five of whom the message names.
    """
    rng = random.Random(plan.seed)  # noqa: S311  # the challenge's shuffle was this one
    rows = _named_rows(album) if any(album.splits) else _dealt_rows(album, plan, rng)
    rows = _with_forget_set(album, plan, rng, rows)
    empty = [name for name in SPLITS if not len(rows[name])]
    if empty:
        raise InvalidSplitError(f"no images are left for {' and '.join(empty)}")
    if any(album.splits) and not plan.allow_shared_people:
        _check_shared_people(album, plan, rows)
    lone = [name for name in ("retain", "forget") if len(rows[name]) > 1 == len(rows[name]) % BATCH_SIZE]
    left_over = [rows[name][-1] for name in lone]
    kept = {name: np.setdiff1d(chosen, left_over) for name, chosen in rows.items()}
    return _bundle(album, plan, kept, left_over=[int(row) for row in left_over])


def _dealt_rows(album: Album, plan: SplitPlan, rng: random.Random) -> dict[str, Rows]:
    units = album.image_id if plan.by == "image" else np.unique(album.person_id)
    order = _shuffled(units, rng)
    ends = int(plan.train_share * len(order)), int((plan.train_share + plan.val_share) * len(order))
    of_images = album.image_id if plan.by == "image" else album.person_id
    dealt = zip(("train", "val", "test"), np.split(order, ends), strict=True)
    return {name: np.flatnonzero(np.isin(of_images, chosen)) for name, chosen in dealt}


def _named_rows(album: Album) -> dict[str, Rows]:
    """Return the rows by the source's own names; it must name a split for every image."""
    unnamed = [name for name, where in zip(album.names, album.splits, strict=True) if where is None]
    if unnamed:
        raise InvalidSplitError(
            f"the source names a split for some images, but not for {len(unnamed)}: {_listed(unnamed)}"
        )
    named = np.array(album.splits)
    return {str(name): np.flatnonzero(named == name) for name in np.unique(named)}


def _with_forget_set(
    album: Album, plan: SplitPlan, rng: random.Random, rows: dict[str, Rows]
) -> dict[str, Rows]:
    """Return the rows of the four splits; a forget set that the source does not name is drawn from train."""
    empty = np.empty(0, np.int64)
    train, retain = rows.get("train", empty), rows.get("retain", empty)
    forget = rows.get("forget")
    if forget is None:
        forget = _drawn(album, plan, rng, train)
    elif plan.draw:
        raise InvalidSplitError(f"the source names its forget set, so there is no draw {plan.draw}, only 0")
    retain = np.sort(np.concatenate([retain, np.setdiff1d(train, forget)]))
    return {
        "retain": retain,
        "forget": forget,
        "val": rows.get("val", empty),
        "test": rows.get("test", empty),
    }


def _drawn(album: Album, plan: SplitPlan, rng: random.Random, train: Rows) -> Rows:
    """Return which rows of the training set are forgotten: the draw-th block of the plan's order."""
    of_rows = train if plan.forget == "images" else album.person_id[train]
    candidates = np.unique(of_rows)
    order = candidates if plan.order == "person_id" else _shuffled(candidates, rng)
    start = plan.draw * plan.n_forget
    chosen = order[start : start + plan.n_forget]
    if len(chosen) < plan.n_forget:
        raise InvalidSplitError(
            f"draw {plan.draw} of {plan.n_forget} {plan.forget} each needs {start + plan.n_forget} in the "
            f"training set, which has {len(order)}"
        )
    return train[np.isin(of_rows, chosen)]


def _shuffled(values: NDArray[np.int64], rng: random.Random) -> NDArray[np.int64]:
    shuffled = values.tolist()
    rng.shuffle(shuffled)
    return np.array(shuffled, np.int64)


def _check_shared_people(album: Album, plan: SplitPlan, rows: dict[str, Rows]) -> None:
    people = {name: album.person_id[chosen] for name, chosen in rows.items()}
    trained_on = np.concatenate([people["retain"], people["forget"]])
    pairs = [("train", "test", trained_on, people["test"])]
    if plan.forget == "people" or "forget" in album.splits:  # else drawn so, on purpose
        pairs.append(("retain", "forget", people["retain"], people["forget"]))
    faults = [
        f"people both in {one} and in {other}: {len(shared)} (person {_listed(shared)})"
        for one, other, a, b in pairs
        if (shared := [album.people[person] for person in np.intersect1d(a, b)])
    ]
    if faults:
        raise InvalidSplitError(f"{'; '.join(faults)}; mend the source's splits, or allow shared people")


def _bundle(album: Album, plan: SplitPlan, rows: dict[str, Rows], *, left_over: list[int]) -> Bundle:
    groups = album.age_groups
    age_group = album.age if groups is None else groups.of(album.age)
    splits = {
        name: Split(
            images=np.ascontiguousarray(album.images[chosen]),
            age=album.age[chosen],
            age_group=age_group[chosen],
            person_id=album.person_id[chosen],
            image_id=album.image_id[chosen],
        )
        for name, chosen in rows.items()
    }
    manifest: dict[str, Any] = {
        "licence": album.licence,
        "provenance": album.provenance,
        "labels": {"kind": "none" if groups is None else "ages"},
        "split": _stated(album, plan),
        "left_over": left_over,
    }
    if groups is not None:
        manifest["age_groups"] = groups.to_dict()
    return Bundle(**splits, manifest=manifest)


def _stated(album: Album, plan: SplitPlan) -> dict[str, Any]:
    """Return what of the plan was used, for the manifest."""
    stated = plan.to_dict()
    if not any(album.splits):
        return stated
    of_draw = () if "forget" in album.splits else ("forget", "n_forget", "order", "draw", "seed")
    return {"by": "source"} | {key: stated[key] for key in (*of_draw, "allow_shared_people")}


def _listed(names: Iterable[object]) -> str:
    every = [str(name) for name in names]
    return ", ".join(every[:_NAMED_AT_MOST]) + (", …" if len(every) > _NAMED_AT_MOST else "")


def _check(field: str, holds: bool, wanted: str) -> None:
    if not holds:
        raise InvalidSplitError(f"split {field} must be {wanted}")
