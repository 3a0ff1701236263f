import pickle
import random

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    RandomSampler,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)

from submissions_sandbox.loaders import Batch, Loaders, loaders_from_bytes

N = {"retain": 150, "forget": 70, "val": 10}
LABELS = ("age", "age_group", "person_id", "image_id")
FIELDS = ("image", *LABELS)


def part():
    """Participant data in which every image is filled with a number that its labels tell."""
    tensors = {}
    for k, (split, n) in enumerate(N.items()):
        ids = torch.arange(n)
        tensors[f"{split}/images"] = (ids % 251).to(torch.uint8)[:, None, None, None].repeat(1, 3, 32, 32)
        tensors[f"{split}/image_id"] = ids + 1000 * k
        tensors[f"{split}/person_id"] = ids // 3
        tensors[f"{split}/age"] = ids % 100
        tensors[f"{split}/age_group"] = ids % 100 // 10
    return save(tensors)


@pytest.fixture
def loaders() -> Loaders:
    return loaders_from_bytes(part())


def check(batch, n):
    """The batch holds n faces whose pixels and labels belong together."""
    assert type(batch) is Batch
    inputs, targets = batch
    assert (inputs.shape, inputs.dtype) == ((n, 3, 32, 32), torch.float32)
    assert (targets.shape, targets.dtype) == ((n,), torch.int64)
    assert all(batch[label].shape == (n,) and batch[label].dtype == torch.int64 for label in LABELS)
    ids = batch["image_id"] % 1000
    assert torch.equal(inputs[:, 0, 0, 0].long(), ids % 251)
    assert torch.equal(batch["age"], ids % 100)
    assert torch.equal(targets, ids % 100 // 10)
    assert torch.equal(batch["person_id"], ids // 3)


def ids_of(loader):
    return torch.cat([batch["image_id"] for batch in loader]).tolist()


def test_loaders_are_true_dataloaders_with_the_contracts_attributes(loaders):
    for split, n in N.items():
        loader = getattr(loaders, split)
        assert type(loader) is DataLoader
        assert loader.batch_size == 64
        assert len(loader.dataset) == n
        assert len(loader) == -(-n // 64)


def test_an_epoch_holds_every_face_once_in_batches_of_64(loaders):
    batches = list(loaders.retain)
    for batch, n in zip(batches, (64, 64, 22), strict=True):
        check(batch, n)
    assert sorted(ids_of(batches)) == list(range(150))


def test_each_epoch_is_shuffled_anew_by_the_global_seed(loaders):
    torch.manual_seed(3)
    first, second = ids_of(loaders.retain), ids_of(loaders.retain)
    assert first != second
    assert first != sorted(first)
    torch.manual_seed(3)
    assert ids_of(loaders.retain) == first


def test_images_keep_the_range_0_to_255(loaders):
    images = torch.cat([batch["image"] for batch in loaders.retain])
    assert (images.min().item(), images.max().item()) == (0.0, 149.0)


def test_batch_answers_names_and_positions_alike(loaders):
    batch = next(iter(loaders.forget))
    assert batch["image"] is batch[0] is batch[-2]
    assert batch["age_group"] is batch[1]
    assert len(batch) == 2
    with pytest.raises(IndexError):
        batch[2]
    with pytest.raises(KeyError, match="label"):
        batch["label"]


@pytest.mark.parametrize("index", [7, -3, np.int64(7), torch.tensor(7)])
def test_sample_of_the_dataset_answers_like_a_batch(loaders, index):
    sample = loaders.retain.dataset[index]
    image, target = sample
    image_id = int(index) % 150
    assert (image.shape, image.dtype) == ((3, 32, 32), torch.float32)
    assert sample[0] is image
    assert sample["image"][0, 0, 0] == image_id
    assert (sample["image_id"], sample["age"], target) == (image_id, image_id % 100, image_id % 100 // 10)
    assert type(target) is int  # so that it can be the key of a dict


def test_dataset_ends_where_it_ends(loaders):
    with pytest.raises(IndexError):
        loaders.val.dataset[10]
    assert [sample["image_id"] for sample in loaders.val.dataset] == list(range(2000, 2010))


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 7},
        {"batch_size": 7, "shuffle": True},
        {"batch_size": 150, "drop_last": True},
        {"sampler": RandomSampler(range(150), num_samples=40)},
        {"sampler": WeightedRandomSampler(torch.ones(150), 40), "batch_size": 16},
        {"batch_sampler": [[1, 2], [3, 4, 5]]},
        {"batch_sampler": [torch.tensor([1, 2])]},
        {"batch_size": 50, "collate_fn": default_collate},
        {"batch_size": 50, "collate_fn": lambda samples: default_collate(list(samples))},
    ],
)
def test_rebuilt_loader_gives_whole_batches(loaders, arguments):
    for batch in DataLoader(loaders.retain.dataset, **arguments):
        check(batch, len(batch["image"]))


def test_loader_without_automatic_batches_gives_samples(loaders):
    samples = list(DataLoader(loaders.val.dataset, batch_size=None))
    assert [sample["image_id"] for sample in samples] == list(range(2000, 2010))


def test_subset_takes_tensor_indices(loaders):
    subset = Subset(loaders.retain.dataset, torch.tensor([5, 3, 149]))
    (batch,) = DataLoader(subset, batch_size=8)
    check(batch, 3)
    assert batch["image_id"].tolist() == [5, 3, 149]
    assert subset[1]["image_id"] == 3


def test_random_split_parts_cover_the_dataset(loaders):
    parts = random_split(loaders.retain.dataset, [100, 50])
    ids = [image_id for part in parts for image_id in ids_of(DataLoader(part, batch_size=64))]
    assert sorted(ids) == list(range(150))


def test_concatenated_datasets_batch_together(loaders):
    both = ConcatDataset([loaders.retain.dataset, loaders.forget.dataset])
    assert len(both) == 220
    for batch in DataLoader(both, batch_size=64, shuffle=True):
        check(batch, len(batch["image"]))
    assert sorted(ids_of(DataLoader(both, batch_size=64))) == [*range(150), *range(1000, 1070)]


@pytest.mark.parametrize("build", [lambda d: d, lambda d: ConcatDataset([d, d])])
def test_two_worker_processes_give_the_same_faces(loaders, build):
    dataset = build(loaders.retain.dataset)
    loader = DataLoader(dataset, batch_size=64, num_workers=2)
    batches = list(loader)
    for batch in batches:
        check(batch, len(batch["image"]))
    assert ids_of(batches) == ids_of(DataLoader(dataset, batch_size=64))


def test_samples_nest_in_a_participants_own_dataset(loaders):
    class Indexed(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, index):
            return index, loaders.val.dataset[index]

    index, batch = next(iter(DataLoader(Indexed(), batch_size=4)))
    check(batch, 4)
    assert index.tolist() == [0, 1, 2, 3]


def test_participants_own_collate_function_sees_a_list_of_samples(loaders):
    def collate(samples):
        images = torch.stack([image for image, _ in samples])
        assert len(samples) == 64
        assert samples[:2][1]["image_id"] == samples[1]["image_id"]
        assert random.choice(samples)["age"] < 100
        return images, torch.tensor([sample["age"] for sample in samples])

    images, ages = next(iter(DataLoader(loaders.retain.dataset, batch_size=64, collate_fn=collate)))
    assert torch.equal(images[:, 0, 0, 0].long(), ages)  # the first 64, in order


def test_default_collate_stacks_samples(loaders):
    check(default_collate([loaders.retain.dataset[i] for i in (4, 2, 9)]), 3)


def test_dataset_turns_into_a_tensor_dataset(loaders):
    images, targets = next(iter(DataLoader(loaders.forget.dataset, batch_size=70)))
    assert len(TensorDataset(images, targets)) == 70


def test_batch_is_a_mapping_too(loaders):
    batch = next(iter(loaders.forget))
    assert dict(batch).keys() == set(FIELDS)
    assert {**batch}["age"] is batch["age"]
    assert [name for name, _ in batch.items()] == list(batch.keys())
    assert all(value is batch[name] for name, value in batch.items())
    assert "image" in batch
    assert "label" not in batch
    assert batch.get("label") is None
    assert batch[:2] == (batch["image"], batch["age_group"])
    batch["image"] = batch["image"] / 255
    assert batch[0].max() <= 1
    with pytest.raises(KeyError, match="label"):
        batch["label"] = 1


def test_batch_survives_pickling(loaders):
    batch = next(iter(loaders.val))
    copy = pickle.loads(pickle.dumps(batch))
    assert all(torch.equal(copy[field], batch[field]) for field in FIELDS)


def test_pin_memory_pins_every_tensor_and_keeps_ints(loaders, monkeypatch):
    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor.clone())
    batch = next(iter(loaders.val))
    copy = batch.pin_memory()
    assert {id(tensor) for tensor in pinned} == {id(batch[field]) for field in FIELDS}
    check(copy, 10)
    sample = loaders.val.dataset[4].pin_memory()
    assert sample["image_id"] == 2004


def test_batch_is_gathered_without_stacking_samples(loaders, monkeypatch):
    def stack(*arguments, **options):
        raise AssertionError("the slow way")

    monkeypatch.setattr(torch, "stack", stack)
    for dataset in (loaders.retain.dataset, Subset(loaders.retain.dataset, range(100))):
        for batch in DataLoader(dataset, batch_size=32, shuffle=True):
            check(batch, len(batch["image"]))
