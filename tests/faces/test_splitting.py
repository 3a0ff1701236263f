"""Splits: whole people by default, disjoint draws, the source's own splits, the challenge's quirks."""

import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from faces.album import Album
from faces.bundle import Bundle, pack
from faces.splitting import InvalidSplitError, SplitPlan, split
from tests.support.bundles import make_album

N_PEOPLE = 50


@pytest.fixture(scope="module")
def album() -> Album:
    """50 people, 1 to 5 images each."""
    return make_album([1 + person % 5 for person in range(N_PEOPLE)])


def people(bundle: Bundle, *names: str) -> set[int]:
    return {int(person) for name in names for person in bundle.splits[name].person_id}


def images(bundle: Bundle) -> list[int]:
    return sorted(int(image) for split in bundle.splits.values() for image in split.image_id)


def rows(*chosen: NDArray[np.int64]) -> list[int]:
    return sorted(np.concatenate(chosen).tolist())


def test_split_by_identity_puts_every_person_into_one_split(album: Album) -> None:
    made = split(album, SplitPlan(n_forget=5))
    assert images(made) == list(range(len(album)))
    found = [len(people(made, name)) for name in ("retain", "forget", "val", "test")]
    assert found == [35, 5, 5, 5]
    assert len(people(made, "retain", "forget", "val", "test")) == N_PEOPLE


def test_split_keeps_what_the_album_says_of_an_image(album: Album) -> None:
    made = split(album, SplitPlan(n_forget=5))
    for part in made.splits.values():
        assert np.array_equal(part.images, album.images[part.image_id])
        assert np.array_equal(part.age, album.age[part.image_id])
        assert np.array_equal(part.person_id, album.person_id[part.image_id])
        assert np.array_equal(part.age_group, part.age // 5)
    assert made.labels == {"kind": "ages"}
    assert made.manifest["split"] == SplitPlan(n_forget=5).to_dict()
    assert made.manifest["age_groups"]["edges"] == list(range(0, 51, 5))


def test_split_is_decided_by_its_seed(album: Album) -> None:
    one, again, other = (split(album, SplitPlan(n_forget=5, seed=seed)) for seed in (1, 1, 2))
    assert pack(one) == pack(again)
    assert people(one, "test") != people(other, "test")


@pytest.mark.parametrize("forget", ["people", "images"])
def test_draws_forget_others_and_share_the_rest(album: Album, forget: str) -> None:
    made = [split(album, SplitPlan(forget=forget, n_forget=10, draw=draw)) for draw in range(3)]
    forgotten = [set(bundle.forget.image_id.tolist()) for bundle in made]
    assert len(set.union(*forgotten)) == sum(map(len, forgotten))
    assert len({tuple(bundle.test.image_id) for bundle in made}) == 1
    assert len({tuple(rows(bundle.retain.image_id, bundle.forget.image_id)) for bundle in made}) == 1


def test_forgotten_people_leave_no_training_image_behind(album: Album) -> None:
    made = split(album, SplitPlan(by="image", n_forget=5))
    assert len(people(made, "forget")) == 5
    assert not people(made, "forget") & people(made, "retain")


def test_forgotten_images_are_spread_over_people(album: Album) -> None:
    made = split(album, SplitPlan(forget="images", n_forget=30))
    assert len(made.forget) == 30
    assert people(made, "forget") & people(made, "retain")


def test_challenge_split_is_its_released_recipe(album: Album) -> None:
    examples = list(range(len(album)))
    random.Random(43).shuffle(examples)
    n = len(examples)
    train, val, test = (
        examples[: int(0.8 * n)],
        examples[int(0.8 * n) : int(0.9 * n)],
        examples[int(0.9 * n) :],
    )
    forgotten = sorted({int(album.person_id[row]) for row in train})[:15]
    made = split(album, SplitPlan.challenge())
    assert made.val.image_id.tolist() == sorted(val)
    assert made.test.image_id.tolist() == sorted(test)
    assert people(made, "forget") == set(forgotten)
    assert made.forget.image_id.tolist() == sorted(row for row in train if album.person_id[row] in forgotten)
    assert len(made.retain) + len(made.forget) == len(train)
    final = split(album, SplitPlan.challenge(draw=1))
    assert min(people(final, "forget")) > max(forgotten)


@pytest.mark.parametrize(
    ("n_people", "n_forget", "sizes"), [(100, 14, (66, 14)), (100, 15, (64, 15)), (200, 65, (95, 64))]
)
def test_image_that_would_be_a_batch_of_its_own_is_left_out(
    n_people: int, n_forget: int, sizes: tuple[int, int]
) -> None:
    made = split(make_album([1] * n_people), SplitPlan(n_forget=n_forget))
    left_over = made.manifest["left_over"]
    assert (len(made.retain), len(made.forget)) == sizes
    assert sum(sizes) + len(left_over) == n_people * 8 // 10
    assert sorted([*images(made), *left_over]) == list(range(n_people))


def test_split_of_an_album_without_ages_is_unlabelled() -> None:
    made = split(make_album([2] * 30, aged=False), SplitPlan(n_forget=5))
    assert made.labels == {"kind": "none"}
    assert not made.is_labelled
    assert "age_groups" not in made.manifest


def named(*parts: tuple[str | None, int]) -> Album:
    """An album whose images, one a person, are in these splits by name."""
    splits = [name for name, n in parts for _ in range(n)]
    return make_album([1] * len(splits), splits=splits)


def test_splits_of_the_source_are_kept() -> None:
    made = split(named(("train", 6), ("val", 2), ("test", 3)), SplitPlan(n_forget=2))
    assert rows(made.retain.image_id, made.forget.image_id) == [0, 1, 2, 3, 4, 5]
    assert (made.val.image_id.tolist(), made.test.image_id.tolist()) == ([6, 7], [8, 9, 10])
    assert len(made.forget) == 2
    drawn = {"forget": "people", "n_forget": 2, "order": "shuffled", "draw": 0, "seed": 0}
    assert made.manifest["split"] == {"by": "source", **drawn, "allow_shared_people": False}


def test_forget_set_of_the_source_is_kept_and_train_joins_retain() -> None:
    album = named(("retain", 2), ("forget", 3), ("train", 2), ("val", 1), ("test", 1))
    made = split(album, SplitPlan())
    assert made.forget.image_id.tolist() == [2, 3, 4]
    assert made.retain.image_id.tolist() == [0, 1, 5, 6]
    assert made.manifest["split"] == {"by": "source", "allow_shared_people": False}
    with pytest.raises(InvalidSplitError, match="names its forget set, so there is no draw 1"):
        split(album, SplitPlan(draw=1))


def test_forget_set_is_drawn_from_train_alone_where_the_source_names_retain() -> None:
    made = split(named(("retain", 3), ("train", 2), ("val", 1), ("test", 1)), SplitPlan(n_forget=2))
    assert made.forget.image_id.tolist() == [3, 4]


def shared(one: str, other: str, n: int) -> Album:
    """An album of n people with an image in each of two splits, and others in the rest."""
    rest = [name for name in ("retain", "forget", "val", "test") if name not in (one, other)]
    return make_album([2] * n + [1] * len(rest), splits=[*([one, other] * n), *rest])


@pytest.mark.parametrize(
    ("album", "message"),
    [
        (shared("retain", "forget", 2), r"both in retain and in forget: 2 \(person p100, p101\)"),
        (
            shared("retain", "test", 6),
            r"both in train and in test: 6 \(person p100, p101, p102, p103, p104, …\)",
        ),
        (shared("forget", "test", 1), r"both in train and in test: 1 \(person p100\)"),
    ],
)
def test_person_in_two_splits_of_the_source_is_refused_unless_allowed(album: Album, message: str) -> None:
    with pytest.raises(InvalidSplitError, match=message):
        split(album, SplitPlan())
    assert images(split(album, SplitPlan(allow_shared_people=True))) == list(range(len(album)))


def test_images_drawn_from_the_sources_training_set_may_share_people() -> None:
    album = make_album([4] * 4 + [1, 1], splits=[*["train"] * 16, "val", "test"])
    assert len(split(album, SplitPlan(forget="images", n_forget=8)).forget) == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: split(make_album([2] * 20), SplitPlan(n_forget=17)),
            "needs 17 in the training set, which has 16",
        ),
        (
            lambda: split(make_album([2] * 20), SplitPlan(n_forget=6, draw=2)),
            "draw 2 of 6 people each needs 18",
        ),
        (lambda: split(make_album([2] * 20), SplitPlan(n_forget=16)), "no images are left for retain"),
        (lambda: split(make_album([9] * 4), SplitPlan(n_forget=1)), "no images are left for val"),
        (lambda: split(named(("train", 4)), SplitPlan(n_forget=1)), "no images are left for val and test"),
        (
            lambda: split(named(("train", 4), (None, 6)), SplitPlan(n_forget=1)),
            "for some images, but not for 6: 00004.png, 00005.png, 00006.png, 00007.png, 00008.png, …",
        ),
        (lambda: SplitPlan(val_share=0.2), "split shares must be 1 together, not 1.1"),
        (lambda: SplitPlan(train_share=0.9, val_share=0.1, test_share=0.0), "split shares must be above 0"),
        (lambda: SplitPlan(train_share=float("nan")), "split shares must be above 0"),
        (lambda: SplitPlan(n_forget=0), "split n_forget must be a whole number >= 1"),
        (lambda: SplitPlan(draw=-1), "split draw must be a whole number >= 0"),
        (lambda: SplitPlan(by="person"), 'split by must be "identity" or "image"'),  # type: ignore[arg-type]
        (lambda: SplitPlan(forget="images", order="person_id"), "split order must be .* where images"),
    ],
)
def test_split_that_cannot_be_made_says_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidSplitError, match=message):
        make()
