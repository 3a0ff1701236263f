"""The straightforward way to train and measure a model, that the figures of speed are against.

A dataset that answers one sample at a time, torch's own collation, the whole network, torch's default Adam,
and accounts kept with `.item()` in every step.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from faces.bundle import Split
from submissions_sandbox.architectures import Architecture, build
from training.recipe import Recipe


class Samples(Dataset[dict[str, torch.Tensor | int]]):
    """Faces in memory, one at a time, with all that is known of each."""

    def __init__(self, split: Split) -> None:
        self._split = split

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor | int]:
        split = self._split
        return {
            "image": torch.from_numpy(split.images[index]).float(),
            "age_group": int(split.age_group[index]),
            "age": int(split.age[index]),
            "person_id": int(split.person_id[index]),
            "image_id": int(split.image_id[index]),
        }


def train(samples: Samples, recipe: Recipe, *, seed: int, device: str = "cpu") -> dict[str, torch.Tensor]:
    """Train the full ResNet-18 on samples, each of whose classes weighs the same."""
    torch.manual_seed(seed)
    net = build(Architecture()).to(device).train()
    loader = DataLoader(samples, batch_size=recipe.batch_size, shuffle=True, drop_last=recipe.drop_last)
    loss_of = nn.CrossEntropyLoss(torch.ones(10, device=device))
    optimizer = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)
    for _ in range(recipe.epochs):
        total_loss = n_right = 0.0
        for batch in loader:
            images, labels = batch["image"].to(device), batch["age_group"].to(device)
            optimizer.zero_grad()
            logits = net(images)
            loss = loss_of(logits, labels)
            loss.backward()
            optimizer.step()
            total_loss += loss.item() * len(labels)
            n_right += (logits.argmax(1) == labels).sum().item()
        schedule.step()
    return {name: tensor.cpu() for name, tensor in net.state_dict().items()}


def accuracy(state: dict[str, torch.Tensor], samples: Samples, *, device: str = "cpu") -> float:
    """Return the share of samples that the full ResNet-18 gets right."""
    net = build(Architecture()).to(device).eval()
    net.load_state_dict(state)
    n_right = 0.0
    with torch.no_grad():
        for batch in DataLoader(samples, batch_size=64):
            labels = batch["age_group"].to(device)
            n_right += (net(batch["image"].to(device)).argmax(1) == labels).sum().item()
    return n_right / len(samples)
