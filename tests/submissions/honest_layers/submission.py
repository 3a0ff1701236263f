"""A net that comes back with other layers, frozen and new parameters, odd tensors, and in train mode."""

import torch
from torch import nn


class ScaledLinear(nn.Module):
    """A foreign layer that keeps the names."""

    def __init__(self, old):
        super().__init__()
        self.weight = nn.Parameter(old.weight.detach().clone())
        self.register_buffer("bias", old.bias.detach().clone())
        self.scale = 1.0

    def forward(self, x):
        return self.scale * nn.functional.linear(x, self.weight, self.bias)


class Norm(nn.BatchNorm2d):
    def forward(self, x):
        return super().forward(x)


def unlearning(net, retain, forget, val):
    net.fc = ScaledLinear(net.fc)
    norm = Norm(net.bn1.num_features)
    norm.load_state_dict(net.bn1.state_dict())
    net.bn1 = norm
    net.relu = nn.LeakyReLU(0.01)
    for name, parameter in net.named_parameters():
        parameter.requires_grad = name.startswith(("fc", "layer4"))
        parameter.importance = torch.zeros_like(parameter)  # an attribute on a parameter
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=1e-4)
    net.train()
    net.register_forward_hook(lambda module, args, output: None)
    for batch in retain:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(batch["image"]), batch["age_group"]).backward()
        for parameter in net.parameters():
            if parameter.grad is not None:
                parameter.importance += parameter.grad.pow(2)
        optimizer.step()
    nn.init.kaiming_normal_(net.layer4[1].conv2.weight)
    net.layer4[1].bn2 = nn.BatchNorm2d(net.layer4[1].bn2.num_features)
    net.fc.weight = nn.Parameter(net.fc.weight.detach().t().contiguous().t())  # not contiguous
    net.layer1[0].bn1.bias = nn.Parameter(torch.zeros(1).expand(net.layer1[0].bn1.num_features))
    net.to(memory_format=torch.channels_last)
    net.history = ["retain"]
    net.conv1 = net.conv1.half()
    return net.double()  # in train mode, with a hook
