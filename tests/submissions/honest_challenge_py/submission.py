# Exported from a notebook in the style of the public challenge: dict batches, in-place change, a driver loop.
import os
import subprocess

import pandas as pd
import torch
import torch.nn as nn
import torch.optim as optim
import torchvision
from torch.utils.data import DataLoader, Dataset
from torchvision.models import resnet18

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

if DEVICE != "cuda":
    raise RuntimeError("Make sure you have added an accelerator to your notebook; the submission will fail otherwise!")

SEED = 42
torch.manual_seed(SEED)
N_CLASSES = 10


def load_example(df_row):
    image = torchvision.io.read_image(df_row["image_path"])
    return {"image": image, "age_group": df_row["age_group"]}


class HiddenDataset(Dataset):
    """The hidden dataset."""

    def __init__(self, split="train"):
        super().__init__()
        self.examples = []
        df = pd.read_csv(f"/kaggle/input/neurips-2023-machine-unlearning/{split}.csv")
        df.apply(lambda row: self.examples.append(load_example(row)), axis=1)

    def __len__(self):
        return len(self.examples)

    def __getitem__(self, idx):
        return self.examples[idx]


def get_dataset(batch_size):
    retain_ds = HiddenDataset(split="retain")
    forget_ds = HiddenDataset(split="forget")
    val_ds = HiddenDataset(split="validation")
    return tuple(DataLoader(ds, batch_size=batch_size, shuffle=True) for ds in (retain_ds, forget_ds, val_ds))


def kl_loss_sym(x, y):
    kl_loss = nn.KLDivLoss(reduction="batchmean")
    return kl_loss(nn.LogSoftmax(dim=-1)(x), y)


def unlearning(net, retain_loader, forget_loader, val_loader, class_weights=None):
    """Unlearning by fine-tuning, after a round of confusion."""
    epochs = 1
    if class_weights is None:
        class_weights = torch.ones(N_CLASSES, device=DEVICE)
    criterion = nn.CrossEntropyLoss(weight=class_weights)
    optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9, weight_decay=5e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    net.train()

    for sample in forget_loader:
        inputs = sample["image"].to(DEVICE)
        optimizer.zero_grad()
        outputs = net(inputs)
        uniform = torch.ones_like(outputs) / outputs.shape[1]
        kl_loss_sym(outputs, uniform).backward()
        optimizer.step()

    for _ in range(epochs):
        net.train()
        for sample in retain_loader:
            inputs = sample["image"]
            targets = sample["age_group"]
            inputs, targets = inputs.to(DEVICE), targets.to(DEVICE)
            optimizer.zero_grad()
            loss = criterion(net(inputs), targets)
            loss.backward()
            optimizer.step()
        scheduler.step()

    net.eval()


if os.path.exists("/kaggle/input/neurips-2023-machine-unlearning/empty.txt"):
    # mock submission
    subprocess.run("touch submission.zip", shell=True)
else:
    # Note: it's really important to create the unlearned checkpoints outside of the working directory
    # as otherwise this notebook may fail due to running out of disk space.
    os.makedirs("/kaggle/tmp", exist_ok=True)
    retain_loader, forget_loader, validation_loader = get_dataset(64)
    net = resnet18(weights=None, num_classes=10)
    net.to(DEVICE)
    for i in range(512):
        net.load_state_dict(torch.load("/kaggle/input/neurips-2023-machine-unlearning/original_model.pth"))
        unlearning(net, retain_loader, forget_loader, validation_loader)
        state = net.state_dict()
        torch.save(state, f"/kaggle/tmp/unlearned_checkpoint_{i}.pth")

    # Ensure that submission.zip will contain exactly 512 checkpoints
    # (if this is not the case, an exception will be thrown).
    unlearned_ckpts = os.listdir("/kaggle/tmp")
    if len(unlearned_ckpts) != 512:
        raise RuntimeError("Expected exactly 512 checkpoints. The submission will throw an exception otherwise.")

    subprocess.run("zip submission.zip /kaggle/tmp/*.pth", shell=True)
