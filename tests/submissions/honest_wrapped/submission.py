"""A network averaged over its steps, pruned, and compiled; what comes back is the wrapper."""

import torch
from torch import nn
from torch.nn.utils import parametrizations, prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn


@torch.compile
def loss_of(logits, targets):
    return nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)


def unlearning(net, retain, forget, val):
    compiled = torch.compile(net)
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.5), use_buffers=True)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-4, foreach=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-4, total_steps=len(retain))
    net.train()
    for inputs, targets in retain:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = loss_of(compiled(inputs), targets)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        averaged.update_parameters(net)
    update_bn((batch["image"] for batch in retain), averaged)
    prune.global_unstructured(
        [(module, "weight") for module in averaged.modules() if isinstance(module, nn.Conv2d)],
        pruning_method=prune.L1Unstructured,
        amount=0.1,
    )
    parametrizations.weight_norm(averaged.module.fc)
    return nn.DataParallel(averaged)
