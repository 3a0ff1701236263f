"""The public starting kit as a script: downloads at the top level, tuple batches, the net is returned."""

import os
import requests

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn import linear_model, model_selection
from torch import nn, optim
from torch.utils.data import DataLoader
import torchvision
from torchvision import transforms
from torchvision.utils import make_grid
from torchvision.models import resnet18

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
print("Running on device:", DEVICE.upper())

# manual random seed is used for dataset partitioning to ensure reproducible results across runs
SEED = 42
RNG = torch.Generator().manual_seed(SEED)

normalize = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.4914,), (0.2023,))])
train_set = torchvision.datasets.CIFAR10(root="./data", train=True, download=True, transform=normalize)
train_loader = DataLoader(train_set, batch_size=128, shuffle=True, num_workers=2)
held_out = torchvision.datasets.CIFAR10(root="./data", train=False, download=True, transform=normalize)
test_set, val_set = torch.utils.data.random_split(held_out, [0.5, 0.5], generator=RNG)
test_loader = DataLoader(test_set, batch_size=128, shuffle=False, num_workers=2)

local_path = "weights_resnet18_cifar10.pth"
if not os.path.exists(local_path):
    response = requests.get("https://storage.example/unlearning-challenge/weights_resnet18_cifar10.pth")
    open(local_path, "wb").write(response.content)
weights_pretrained = torch.load(local_path, map_location=DEVICE)

model = resnet18(weights=None, num_classes=10)
model.load_state_dict(weights_pretrained)
model.to(DEVICE)
model.eval()


def accuracy(net, loader):
    """Return accuracy on a dataset given by the data loader."""
    correct = 0
    total = 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(DEVICE), targets.to(DEVICE)
        outputs = net(inputs)
        _, predicted = outputs.max(1)
        total += targets.size(0)
        correct += predicted.eq(targets).sum().item()
    return correct / total


print(f"Train set accuracy: {100.0 * accuracy(model, train_loader):0.1f}%")


def unlearning(net, retain, forget, validation):
    """Unlearning by fine-tuning."""
    epochs = 1

    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    net.train()

    for _ in range(epochs):
        for inputs, targets in retain:
            inputs, targets = inputs.to(DEVICE), targets.to(DEVICE)
            optimizer.zero_grad()
            outputs = net(inputs)
            loss = criterion(outputs, targets)
            loss.backward()
            optimizer.step()
        scheduler.step()

    net.eval()
    print(f"retain accuracy: {accuracy(net, retain):.3f}")
    return net


ft_model = resnet18(weights=None, num_classes=10)
ft_model.load_state_dict(weights_pretrained)
ft_model.to(DEVICE)
ft_model = unlearning(ft_model, train_loader, train_loader, test_loader)
print(f"Retain set accuracy: {100.0 * accuracy(ft_model, train_loader):0.1f}%")


def compute_losses(net, loader):
    criterion = nn.CrossEntropyLoss(reduction="none")
    all_losses = []
    for inputs, targets in loader:
        losses = criterion(net(inputs.to(DEVICE)), targets.to(DEVICE)).numpy(force=True)
        for l in losses:
            all_losses.append(l)
    return np.array(all_losses)


def simple_mia(sample_loss, members, n_splits=10, random_state=0):
    attack_model = linear_model.LogisticRegression()
    cv = model_selection.StratifiedShuffleSplit(n_splits=n_splits, random_state=random_state)
    return model_selection.cross_val_score(attack_model, sample_loss, members, cv=cv, scoring="accuracy")


losses = compute_losses(model, train_loader)
plt.hist(losses)
plt.show()
