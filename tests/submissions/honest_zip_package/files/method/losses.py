import torch


def entropy(logits: torch.Tensor) -> torch.Tensor:
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs).sum(-1).mean()
