"""What an inspection counts, and what it warns of."""

from dataclasses import replace

import numpy as np
import pytest

from faces.bundle import Bundle
from faces.inspection import inspect
from tests.support.bundles import make_bundle, make_split, unlabelled


@pytest.fixture(scope="module")
def sound() -> Bundle:
    """A bundle that there is nothing to say of."""
    return make_bundle(n_retain=100, n_forget=60)


def warnings(bundle: Bundle) -> list[str]:
    return list(inspect(bundle).warnings())


def test_sound_bundle_has_no_warnings(sound: Bundle) -> None:
    assert warnings(sound) == []


def test_facts_count_images_people_and_age_groups(sound: Bundle) -> None:
    uneven = replace(sound.val, person_id=np.array([1, 1, 1, 1, 1, 2, 2, 3, 4, 5]))
    facts = inspect(replace(sound, val=uneven)).splits
    assert [split.name for split in facts] == ["retain", "forget", "val", "test"]
    assert [split.n_images for split in facts] == [100, 60, 10, 30]
    assert [split.n_people for split in facts] == [50, 30, 5, 15]
    assert facts[2].images_per_person == (1, 1.0, 5)
    assert facts[3].age_groups == (3,) * 10


def test_unlabelled_bundle_has_no_age_groups_and_none_is_missed(sound: Bundle) -> None:
    bundle = unlabelled(sound)
    assert all(split.age_groups is None for split in inspect(bundle).splits)
    assert warnings(bundle) == []


def test_person_in_retain_and_forget_and_in_test_is_leakage(sound: Bundle) -> None:
    forget = replace(sound.forget, person_id=np.arange(60) // 2)
    test = replace(sound.test, person_id=np.r_[500, 500, 1001 * np.ones(28, np.int64)])
    found = warnings(
        replace(sound, forget=replace(forget, person_id=np.r_[500, forget.person_id[1:]]), test=test)
    )
    assert found == [
        "leakage: people both in retain and in forget: 30 (person 0, 1, 2, 3, 4, …)",
        "leakage: people both in train and in test: 1 (person 500)",
    ]


def test_same_picture_across_and_within_splits_is_told_apart(sound: Bundle) -> None:
    test, val = sound.test.images.copy(), sound.val.images.copy()
    test[2], test[3] = sound.retain.images[7], sound.forget.images[1]
    val[9] = val[4]
    found = warnings(
        replace(sound, test=replace(sound.test, images=test), val=replace(sound.val, images=val))
    )
    assert found == [
        "leakage: images of test that show the same as one of retain: 1 (image 7 = 3002)",
        "leakage: images of test that show the same as one of forget: 1 (image 1001 = 3003)",
        "images of val that show the same as another one there: 1 (image 2004 = 2009)",
    ]


def test_empty_age_group_is_named(sound: Bundle) -> None:
    few = replace(sound.val, age_group=np.array([0, 1, 2, 3, 4, 5, 6, 7, 7, 7]))
    assert warnings(replace(sound, val=few)) == ["val has no image of age group 8, 9"]


def test_tiny_forget_set_is_warned_of(sound: Bundle) -> None:
    assert warnings(make_bundle(n_forget=40)) == ["forget has 40 images; below 50 a score is mostly chance"]
    images = np.random.default_rng(5).integers(0, 256, (4_960, 3, 32, 32), dtype=np.uint8)
    crowd = replace(make_split(4_960, 10_000), images=images)
    few = replace(sound, retain=crowd, forget=make_split(50, 1000))
    assert warnings(few) == ["forget is 1.00% of the training set; below 1 % models hardly differ without it"]


def test_batch_of_one_image_is_warned_of() -> None:
    (warning,) = warnings(make_bundle(n_retain=129, n_forget=60))
    assert warning.startswith("retain has 129 images; batches of 64 leave one over")
