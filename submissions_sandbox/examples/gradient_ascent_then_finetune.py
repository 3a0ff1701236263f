"""Climb the loss on the forget set for a few steps, then repair the network on the retain set."""

import torch
from torch.nn.functional import cross_entropy

ASCENT_EPOCHS = 1
ASCENT_LEARNING_RATE = 1e-4
REPAIR_EPOCHS = 2
REPAIR_LEARNING_RATE = 1e-3


def ascend(net, forget, device):
    optimizer = torch.optim.Adam(net.parameters(), lr=ASCENT_LEARNING_RATE)
    for _ in range(ASCENT_EPOCHS):
        for batch in forget:
            optimizer.zero_grad()
            loss = cross_entropy(net(batch["image"].to(device)), batch["age_group"].to(device))
            (-loss).backward()
            optimizer.step()


def repair(net, retain, device):
    optimizer = torch.optim.Adam(net.parameters(), lr=REPAIR_LEARNING_RATE, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=REPAIR_EPOCHS * len(retain))
    for _ in range(REPAIR_EPOCHS):
        for batch in retain:
            optimizer.zero_grad()
            cross_entropy(net(batch["image"].to(device)), batch["age_group"].to(device)).backward()
            optimizer.step()
            schedule.step()


def unlearning(net, retain, forget, val):
    device = next(net.parameters()).device
    net.train()
    ascend(net, forget, device)
    repair(net, retain, device)
    return net
