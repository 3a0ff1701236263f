"""The album: columns that belong together, and what is refused."""

import numpy as np
import pytest

from faces.age_groups import AgeGroups
from faces.album import Album, InvalidAlbumError


def album(n=3, **changes):
    columns = {
        "images": np.zeros((n, 3, 32, 32), np.uint8),
        "age": np.arange(20, 20 + n),
        "person_id": np.arange(n),
        "image_id": np.arange(n),
        "names": tuple(f"{i}.jpg" for i in range(n)),
        "people": tuple(f"p{i}" for i in range(n)),
        "splits": (None,) * n,
        "age_span": None,
        "provenance": {},
        "licence": "CC0-1.0",
    }
    return Album(**columns | changes)


def test_names_csv_says_what_the_numbers_stand_for():
    table = album(names=("a.jpg", "b,c.jpg", "é.jpg"), person_id=np.array([2, 0, 2])).names_csv()
    assert table.decode() == (
        'image_id,path,person,person_id\n0,a.jpg,p2,2\n1,"b,c.jpg",p0,0\n2,é.jpg,p2,2\n'
    )


def test_age_groups_span_the_ages_unless_the_source_says_more():
    assert album().age_groups == AgeGroups(20, 22)
    assert album(age_span=(10, 70)).age_groups == AgeGroups(10, 70)
    assert album(age=np.full(3, -1)).age_groups is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, "at least one face"),
        ({"images": np.zeros((3, 32, 32, 3), np.uint8)}, "images must be"),
        ({"age": np.array([20, 21])}, "age must be"),
        ({"person_id": np.zeros(3, np.int32)}, "person_id must be int64"),
        ({"people": ("p0", "p1")}, "person_id must be the place of one of the 2 people"),
        ({"image_id": np.array([0, 1, 1])}, "count the faces"),
        ({"age": np.array([20, -1, 22])}, "some faces are known"),
        ({"splits": (None, "holdout", "test")}, "split must be"),
        ({"splits": (None,)}, "split must be"),
    ],
)
def test_columns_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(InvalidAlbumError, match=message):
        album(**changes)
