"""Loaders rebuilt in every way that real code rebuilds them."""

import copy
import itertools
import random

import numpy as np
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    RandomSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


class Flipped(Dataset):
    """Gives tuples, of a data set that gives more."""

    def __init__(self, base, is_forget):
        self.base = base
        self.is_forget = is_forget

    def __len__(self):
        return len(self.base)

    def __getitem__(self, index):
        image, target = self.base[index]
        if random.random() < 0.5:
            image = torch.flip(image, dims=[-1])
        return image / 255.0, target, self.is_forget


class AsDicts(Dataset):
    def __init__(self, base):
        self.samples = [{"image": s["image"], "age_group": s["age_group"], "id": s["image_id"]} for s in base]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]


def collate(samples):
    images, targets = zip(*[(image, target) for image, target in samples])
    return torch.stack(images), torch.tensor(targets)


def step(net, optimizer, x, y):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()


def unlearning(net, retain, forget, val):
    n = len(retain.dataset)
    assert retain.batch_size == 64 and len(retain) == -(-n // 64)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-5)
    net.train()

    labels = torch.cat([batch["age_group"] for batch in retain])
    assert sorted(labels.tolist()) == sorted(target for _, target in retain.dataset)
    weights = 1.0 / torch.bincount(labels, minlength=10)[labels].float()
    for x, y in DataLoader(retain.dataset, batch_size=32, sampler=WeightedRandomSampler(weights, 32)):
        step(net, optimizer, x, y)

    indices = np.random.permutation(n)[:20]
    for chosen in (indices, torch.from_numpy(indices), indices.tolist()):
        for x, y in DataLoader(Subset(retain.dataset, chosen), batch_size=8, shuffle=True, drop_last=True):
            assert x.shape == (8, 3, 32, 32) and x.max() > 1 and y.dtype == torch.int64
    DataLoader(retain.dataset, batch_size=16, sampler=SubsetRandomSampler(indices))
    batches = BatchSampler(RandomSampler(retain.dataset), batch_size=16, drop_last=False)
    assert sum(len(y) for _, y in DataLoader(retain.dataset, batch_sampler=batches)) == n

    first, second = random_split(retain.dataset, [0.3, 0.7])
    both = ConcatDataset([Flipped(first, 0), Flipped(forget.dataset, 1)])
    for x, y, is_forget in DataLoader(both, batch_size=32, shuffle=True, num_workers=2):
        assert x.max() <= 1 and set(is_forget.tolist()) <= {0, 1}
    loader = DataLoader(second, batch_size=32, num_workers=2, persistent_workers=True, pin_memory=True)
    for _ in range(2):
        for batch in loader:
            step(net, optimizer, batch[0], batch[1])
    for batch in DataLoader(AsDicts(forget.dataset), batch_size=4):
        assert set(batch) == {"image", "age_group", "id"}
    for x, y in DataLoader(forget.dataset, batch_size=4, collate_fn=collate):
        step(net, optimizer, x, y)

    for (x, y), (u, _) in zip(retain, itertools.cycle(forget)):
        assert len(x) == len(y) and u.dim() == 4
    for k, batch in enumerate(copy.deepcopy(val)):
        moved = {name: value.to("cpu") for name, value in batch.items()}
        if isinstance(batch, dict):
            inputs = batch["image"]
        elif isinstance(batch, (list, tuple)):
            inputs = batch[0]
        else:
            inputs, _ = batch
        assert "image" in batch and torch.equal(inputs, moved["image"]), k
        batch["image"] = batch["image"] / 255.0
    x, y = next(iter(forget))
    for x, y in DataLoader(TensorDataset(x, y), batch_size=2):
        step(net, optimizer, x, y)
    sample = forget.dataset[0]
    assert sample["image"].shape == (3, 32, 32) and 0 <= sample["age_group"] < 10
