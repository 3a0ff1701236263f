import torch

SCALE = 1e-3


@torch.no_grad()
def add_noise(net):
    for parameter in net.parameters():
        parameter.add_(torch.randn_like(parameter) * SCALE)
