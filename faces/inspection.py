"""The inspection of a bundle: what is in it, and what of that an organizer should know before a phase."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faces.bundle import BATCH_SIZE, N_AGE_GROUPS, SPLITS, Bundle, Split
from faces.duplicates import Report, find_twins

_EXAMPLES = 5
_FEW_FORGOTTEN = 50
_SMALL_SHARE_FORGOTTEN = 0.01


@dataclass(frozen=True)
class SplitFacts:
    """What one split holds.

    Attributes:
        name: of the split.
        n_images, n_people: at least 1.
        images_per_person: least, median and most.
        age_groups: images in each of the ten groups; None if unlabelled.
    """

    name: str
    n_images: int
    n_people: int
    images_per_person: tuple[int, float, int]
    age_groups: tuple[int, ...] | None


@dataclass(frozen=True)
class SharedPeople:
    """People with images in two parts of a bundle.

    Attributes:
        parts: "retain" and "forget", or "train" (those two together) and "test".
        n_people: how many, at least 1.
        examples: up to five person_ids.
    """

    parts: tuple[str, str]
    n_people: int
    examples: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """Images of one split that show the same as an image of a split, the same or one listed before.

    Attributes:
        splits: where the first images are, and where those that show the same.
        n_images: how many of the latter, at least 1.
        examples: up to five pairs of image_ids.
    """

    splits: tuple[str, str]
    n_images: int
    examples: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Inspection:
    """What was found in a bundle.

    Attributes:
        splits: retain, forget, val, test.
        shared_people: one entry for each pair of parts that share people.
        duplicates: one entry for each pair of splits that share pictures.
    """

    splits: tuple[SplitFacts, ...]
    shared_people: tuple[SharedPeople, ...]
    duplicates: tuple[Duplicates, ...]

    def warnings(self) -> Iterator[str]:
        """Yield a sentence for all that may spoil a competition, leakage first."""
        yield from map(_of_shared_people, self.shared_people)
        yield from map(_of_duplicates, self.duplicates)
        for split in self.splits:
            empty = [str(group) for group, n in enumerate(split.age_groups or ()) if n == 0]
            if empty:
                yield f"{split.name} has no image of age group {', '.join(empty)}"
        retain, forget = (next(facts for facts in self.splits if facts.name == name) for name in SPLITS[:2])
        for facts in (retain, forget):
            if facts.n_images % BATCH_SIZE == 1:
                yield (
                    f"{facts.name} has {facts.n_images} images; batches of {BATCH_SIZE} leave one over, and"
                    " submissions that train on it alone fail in batch norm"
                )
        share = forget.n_images / (forget.n_images + retain.n_images)
        if forget.n_images < _FEW_FORGOTTEN:
            yield f"forget has {forget.n_images} images; below {_FEW_FORGOTTEN} a score is mostly chance"
        if share < _SMALL_SHARE_FORGOTTEN:
            yield f"forget is {share:.2%} of the training set; below 1 % models hardly differ without it"


def inspect(bundle: Bundle, *, report: Report = lambda _: None) -> Inspection:
    """Look through a bundle.

    Args:
        bundle: labelled or not.
        report: called now and then with the number of images that were compared since.
    """
    return Inspection(
        splits=tuple(_facts(name, split) for name, split in bundle.splits.items()),
        shared_people=tuple(_shared_people(bundle)),
        duplicates=tuple(_duplicates(bundle, report)),
    )


def _facts(name: str, split: Split) -> SplitFacts:
    people, n_each = np.unique(split.person_id, return_counts=True)
    groups = np.bincount(split.age_group, minlength=N_AGE_GROUPS).tolist() if split.is_labelled else None
    return SplitFacts(
        name=name,
        n_images=len(split),
        n_people=len(people),
        images_per_person=(int(n_each.min()), float(np.median(n_each)), int(n_each.max())),
        age_groups=None if groups is None else tuple(groups),
    )


def _shared_people(bundle: Bundle) -> Iterator[SharedPeople]:
    retain, forget, test = bundle.retain.person_id, bundle.forget.person_id, bundle.test.person_id
    pairs: list[tuple[tuple[str, str], NDArray[np.int64], NDArray[np.int64]]] = [
        (("retain", "forget"), retain, forget),
        (("train", "test"), np.concatenate([retain, forget]), test),
    ]
    for parts, one, other in pairs:
        shared = np.intersect1d(one, other)
        if len(shared):
            yield SharedPeople(parts, len(shared), tuple(shared[:_EXAMPLES].tolist()))


def _duplicates(bundle: Bundle, report: Report) -> Iterator[Duplicates]:
    splits = bundle.splits.values()
    twins = find_twins(np.concatenate([split.images for split in splits]), report=report)
    image_id = np.concatenate([split.image_id for split in splits])
    where = np.repeat(np.arange(len(splits)), [len(split) for split in splits])
    later = np.flatnonzero(twins != -1)
    earlier = twins[later]
    for one, first in enumerate(SPLITS):
        for other, second in enumerate(SPLITS):
            found = (where[earlier] == one) & (where[later] == other)
            pairs = zip(image_id[earlier[found]].tolist(), image_id[later[found]].tolist(), strict=True)
            if found.any():
                yield Duplicates((first, second), int(found.sum()), tuple(pairs)[:_EXAMPLES])


def _of_shared_people(shared: SharedPeople) -> str:
    one, other = shared.parts
    listed = ", ".join(map(str, shared.examples)) + (", …" if shared.n_people > _EXAMPLES else "")
    return f"leakage: people both in {one} and in {other}: {shared.n_people} (person {listed})"


def _of_duplicates(found: Duplicates) -> str:
    one, other = found.splits
    listed = ", ".join(f"{a} = {b}" for a, b in found.examples) + (
        ", …" if found.n_images > _EXAMPLES else ""
    )
    if one == other:
        return f"images of {one} that show the same as another one there: {found.n_images} (image {listed})"
    return f"leakage: images of {other} that show the same as one of {one}: {found.n_images} (image {listed})"
