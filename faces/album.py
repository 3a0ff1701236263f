"""The album: every imported face with what its source says of it, before faces are split into a bundle."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faces.age_groups import AgeGroups

SPLIT_NAMES = ("train", "retain", "forget", "val", "test")


class InvalidAlbumError(ValueError):
    """The columns of an album do not belong together."""


@dataclass(frozen=True)
class Album:
    """Faces in the order of their source.

    Attributes:
        images: uint8 [n, 3, 32, 32], RGB; may be a read-only memory map.
        age: int64 [n], years; -1 everywhere if the source has no ages.
        person_id: int64 [n].
        image_id: int64 [n], 0..n-1.
        names: n paths below the source's folder.
        people: who a person_id is, in the source's own words; person_id is the place in here.
        splits: for each face the split that its source puts it in, of SPLIT_NAMES, or None.
        age_span: youngest and oldest age that the age groups span; None: those of `age`.
        provenance: JSON-able; where the faces come from and what was left out.
        licence: what the faces may be used for, in the words of whoever imported them.

    Raises:
        InvalidAlbumError: no faces, a wrong shape or dtype, some ages known and others not, a person
            without a name, or an unknown split.
    """

    images: NDArray[np.uint8]
    age: NDArray[np.int64]
    person_id: NDArray[np.int64]
    image_id: NDArray[np.int64]
    names: tuple[str, ...]
    people: tuple[str, ...]
    splits: tuple[str | None, ...]
    age_span: tuple[int, int] | None
    provenance: dict[str, Any]
    licence: str

    def __post_init__(self) -> None:
        n = len(self.names)
        if n == 0:
            raise InvalidAlbumError("an album holds at least one face")
        if self.images.shape != (n, 3, 32, 32) or self.images.dtype != np.uint8:
            raise InvalidAlbumError(f"images must be uint8 [{n}, 3, 32, 32], not {self.images.shape}")
        for column in ("age", "person_id", "image_id"):
            values = getattr(self, column)
            if values.shape != (n,) or values.dtype != np.int64:
                raise InvalidAlbumError(f"{column} must be int64 [{n}], not {values.dtype} {values.shape}")
        if not np.array_equal(self.image_id, np.arange(n)):
            raise InvalidAlbumError("image_id must count the faces from 0")
        if self.person_id.min() < 0 or self.person_id.max() >= len(self.people):
            raise InvalidAlbumError(f"person_id must be the place of one of the {len(self.people)} people")
        if (self.age == -1).any() and not (self.age == -1).all():
            raise InvalidAlbumError("the ages of some faces are known and those of others are not")
        if len(self.splits) != n or not set(self.splits) <= {*SPLIT_NAMES, None}:
            raise InvalidAlbumError(f"a face's split must be None or one of {', '.join(SPLIT_NAMES)}")

    def __len__(self) -> int:
        return len(self.names)

    def names_csv(self) -> bytes:
        """Return what the numbers of a bundle stand for: a table in UTF-8, a line for each face.

        Its columns are image_id, path, person and person_id. It names the files of the test set, so it is as
        secret as they are.
        """
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(("image_id", "path", "person", "person_id"))
        for image, path, person in zip(
            self.image_id.tolist(), self.names, self.person_id.tolist(), strict=True
        ):
            writer.writerow((image, path, self.people[person], person))
        return table.getvalue().encode()

    @property
    def age_groups(self) -> AgeGroups | None:
        """The groups that the ages are cut into; None where no age is known."""
        if self.age[0] == -1:
            return None
        return AgeGroups(*(self.age_span or (int(self.age.min()), int(self.age.max()))))
