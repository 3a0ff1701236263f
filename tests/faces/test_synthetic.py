import dataclasses

import numpy as np
import pytest

from faces.bundle import Split, pack
from faces.synthetic import SyntheticFaces, render

SMALL = SyntheticFaces(n_people=30, n_forget_people=4, n_val_people=6, n_test_people=8)
SPLITS = ("retain", "forget", "val", "test")


@pytest.fixture(scope="module")
def bundle():
    return render(SMALL)


def everyone(bundle):
    parts = [getattr(bundle, name) for name in SPLITS]
    return Split(
        **{
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in dataclasses.fields(Split)
        }
    )


def test_same_seed_gives_the_same_bytes_and_another_seed_other_faces(bundle):
    assert pack(render(SMALL)) == pack(bundle)
    other = render(dataclasses.replace(SMALL, seed=1))
    assert not np.array_equal(other.test.images, bundle.test.images)


def test_more_test_people_leave_the_training_faces_as_they_were(bundle):
    other = render(dataclasses.replace(SMALL, n_test_people=9))
    assert np.array_equal(other.retain.images, bundle.retain.images)
    assert np.array_equal(other.forget.image_id, bundle.forget.image_id)


def test_splits_have_the_sizes_that_were_asked_for(bundle):
    assert [len(getattr(bundle, name)) for name in SPLITS] == [26 * 3, 4 * 3, 6 * 2, 8 * 2]
    assert [len(set(getattr(bundle, name).person_id)) for name in SPLITS] == [26, 4, 6, 8]


def test_no_person_is_in_two_splits(bundle):
    people = [person for name in SPLITS for person in set(getattr(bundle, name).person_id)]
    assert len(people) == len(set(people)) == 44


def test_age_groups_are_decades_and_a_person_has_one_age(bundle):
    faces = everyone(bundle)
    assert np.array_equal(faces.age_group, faces.age // 10)
    assert faces.age.min() >= 0
    assert faces.age.max() <= 99
    for person in set(faces.person_id):
        assert len(set(faces.age[faces.person_id == person])) == 1


def test_all_age_groups_occur_about_equally():
    groups = render(SyntheticFaces(n_people=200, images_per_person=1, n_val_people=1, n_test_people=1)).retain
    assert np.bincount(groups.age_group, minlength=10).min() >= 5


def test_images_of_one_person_are_closer_than_images_of_different_people(bundle):
    images = bundle.retain.images.astype(float).reshape(-1, 3, 3072)
    middle = images - images.mean(axis=(0, 1))
    same = np.abs(middle[:, 0] - middle[:, 1]).mean()
    different = np.abs(middle[:, 0] - np.roll(middle[:, 1], 1, axis=0)).mean()
    assert 0 < same < 0.9 * different


def test_old_hair_is_lighter_than_young_hair():
    faces = everyone(
        render(
            SyntheticFaces(
                n_people=100, images_per_person=1, n_forget_people=9, n_val_people=5, n_test_people=5
            )
        )
    )
    crown = faces.images[:, :, 5:8, 12:20].mean(axis=(1, 2, 3))
    young, old = (faces.age > 20) & (faces.age < 35), faces.age > 80
    assert crown[old].mean() > crown[young].mean() + 40


def test_manifest_lets_anyone_draw_the_bundle_again(bundle):
    provenance = dict(bundle.manifest["provenance"])
    assert provenance.pop("kind") == "synthetic"
    assert provenance.pop("generator") == "faces.synthetic"
    assert SyntheticFaces(**provenance) == SMALL
    assert bundle.manifest["licence"] == "CC0-1.0"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n_people", 0),
        ("seed", -1),
        ("images_per_person", 2.0),
        ("n_test_people", True),
        ("n_forget_people", 400),
    ],
)
def test_number_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        SyntheticFaces(**{field: value})
