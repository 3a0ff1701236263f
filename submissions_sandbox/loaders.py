"""The retain, forget and val loaders that a submission is called with."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, SupportsInt, cast, overload

import torch
from safetensors.torch import load
from torch.utils.data import DataLoader, Dataset, default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

_FIELDS = ("image", "age_group", "age", "person_id", "image_id")


@dataclass(slots=True, eq=False)
class Batch:
    """A batch of faces, or one face: `inputs, targets = batch`, or `batch["image"]` and so on.

    As it is both a pair and a mapping, it iterates as the pair, and answers `keys`, `values`, `items` and
    `get` as the mapping, so that `dict(batch)` and `**batch` work.

    Attributes:
        image: float32 [n, 3, 32, 32], 0-255, not normalised; of one face [3, 32, 32].
        age_group: int64 [n], 0..9; of one face an int, as are its other labels.
        age: int64 [n], years.
        person_id: int64 [n].
        image_id: int64 [n].
    """

    image: torch.Tensor
    age_group: torch.Tensor | int
    age: torch.Tensor | int
    person_id: torch.Tensor | int
    image_id: torch.Tensor | int

    def __iter__(self) -> Iterator[torch.Tensor | int]:
        return iter((self.image, self.age_group))

    def __len__(self) -> int:
        return 2

    @overload
    def __getitem__(self, key: str | int) -> torch.Tensor | int: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[torch.Tensor | int, ...]: ...
    def __getitem__(self, key: str | int | slice) -> torch.Tensor | int | tuple[torch.Tensor | int, ...]:
        if isinstance(key, int | slice):
            return (self.image, self.age_group)[key]
        if key not in _FIELDS:
            raise KeyError(key)
        return cast("torch.Tensor | int", getattr(self, key))

    def __setitem__(self, key: str, value: torch.Tensor) -> None:
        if key not in _FIELDS:
            raise KeyError(key)
        setattr(self, key, value)

    def __contains__(self, key: object) -> bool:
        return key in _FIELDS

    def keys(self) -> tuple[str, ...]:
        """Return the names that the batch answers to."""
        return _FIELDS

    def values(self) -> list[torch.Tensor | int]:
        """Return what it holds, in the order of `keys()`."""
        return [self[field] for field in _FIELDS]

    def items(self) -> list[tuple[str, torch.Tensor | int]]:
        """Return pairs of a name and what it stands for."""
        return [(field, self[field]) for field in _FIELDS]

    def get(self, key: str, default: object = None) -> object:
        """Return what a name stands for, or `default` if it is none of the batch's."""
        return self[key] if key in _FIELDS else default

    def pin_memory(self) -> Self:
        """Return a copy in page-locked memory; a DataLoader with `pin_memory=True` calls this."""
        pinned = (value if isinstance(value, int) else value.pin_memory() for value in self.values())
        return type(self)(*pinned)  # type: ignore[arg-type]  # the image is never an int


class _Samples(Sequence[Batch]):
    """The faces of a gathered batch: a list to a participant's collate function, whole to ours."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch.image)

    @overload
    def __getitem__(self, index: int) -> Batch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Batch]: ...
    def __getitem__(self, index: int | slice) -> Batch | list[Batch]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        image, *labels = (cast("torch.Tensor", self.batch[field])[index] for field in _FIELDS)
        return Batch(image, *(int(label) for label in labels))


class FaceDataset(Dataset[Batch]):
    """Faces held as one uint8 tensor; a batch is one indexing operation."""

    def __init__(
        self,
        images: torch.Tensor,
        *,
        age_group: torch.Tensor,
        age: torch.Tensor,
        person_id: torch.Tensor,
        image_id: torch.Tensor,
    ) -> None:
        """Hold images, uint8 [n, 3, 32, 32], and their labels, int64 [n] each."""
        self._images = images
        self._labels = (age_group, age, person_id, image_id)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: SupportsInt) -> Batch:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[SupportsInt]) -> _Samples:
        every = range(len(self))  # knows indices from the end, and those out of range
        rows = torch.tensor([every[int(index)] for index in indices])
        images = self._images.index_select(0, rows).float()  # [rows] would go element by element
        return _Samples(Batch(images, *(label.index_select(0, rows) for label in self._labels)))


class Loaders(NamedTuple):
    """What `unlearning(net, retain, forget, val)` gets beside the network."""

    retain: DataLoader[Batch]
    forget: DataLoader[Batch]
    val: DataLoader[Batch]


def loaders_from_bytes(data: bytes, *, batch_size: int = 64) -> Loaders:
    """Make the three loaders; each shuffles anew every epoch, by torch's global generator.

    Args:
        data: the participant part of a bundle: safetensors with, for each split of retain, forget
            and val, "<split>/images", uint8 [n, 3, 32, 32], and "<split>/age_group", "/age",
            "/person_id" and "/image_id", int64 [n].
        batch_size: faces in a batch, at least 1; the last batch may hold fewer.
    """
    tensors = load(data)
    datasets = (
        FaceDataset(
            tensors[f"{split}/images"],
            age_group=tensors[f"{split}/age_group"],
            age=tensors[f"{split}/age"],
            person_id=tensors[f"{split}/person_id"],
            image_id=tensors[f"{split}/image_id"],
        )
        for split in Loaders._fields
    )
    return Loaders(*(DataLoader(dataset, batch_size=batch_size, shuffle=True) for dataset in datasets))


def _collate(
    samples: Sequence[Batch],
    *,
    collate_fn_map: object = None,  # noqa: ARG001  # default_collate passes it
) -> Batch:
    if isinstance(samples, _Samples):
        return samples.batch
    return Batch(*(default_collate([sample[field] for sample in samples]) for field in _FIELDS))


default_collate_fn_map[Batch] = _collate
