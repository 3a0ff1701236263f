"""The network of a competition: a ResNet-18 with torchvision's attribute names and state_dict keys."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple, Self

import torch
from torch import nn

_SAFETENSORS_DTYPES = {torch.float32: "F32", torch.int64: "I64"}


@dataclass(frozen=True)
class Architecture:
    """Which network a phase uses.

    Attributes:
        name: only "resnet18".
        width: channels of the first stage, at least 1; 64 is torchvision's `resnet18`.
        n_classes: number of age groups, at least 2.

    Raises:
        ValueError: a value out of range.
    """

    name: str = "resnet18"
    width: int = 64
    n_classes: int = 10

    def __post_init__(self) -> None:
        if self.name != "resnet18":
            raise ValueError(f'architecture name must be "resnet18", not {self.name!r}')
        for field, least in (("width", 1), ("n_classes", 2)):
            value = getattr(self, field)
            if type(value) is not int or value < least:
                raise ValueError(f"architecture {field} must be a whole number >= {least}, not {value!r}")

    def to_dict(self) -> dict[str, object]:
        """Return the fields as a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Self:
        """Read what `to_dict` wrote; a missing or unknown key is a `ValueError`."""
        names = {field.name for field in fields(cls)}
        if set(values) != names:
            raise ValueError(f"an architecture has exactly the keys {sorted(names)}, not {sorted(values)}")
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks the types


class TensorSpec(NamedTuple):
    """Shape and safetensors dtype name ("F32", "I64") of one tensor of a state_dict."""

    shape: tuple[int, ...]
    dtype: str


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out)
            )
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map [n, n_in, h, w] to [n, n_out, h / stride, w / stride]."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out: torch.Tensor = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out)) + shortcut
        activated: torch.Tensor = self.relu(out)
        return activated


class ResNet18(nn.Module):
    """torchvision's `resnet18` with `width` channels in its first stage instead of 64."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # the other layers' own defaults are torchvision's
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map images, float32 [n, 3, h, w], 0-255, to logits, float32 [n, n_classes]."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: torch.Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def _stage(n_in: int, n_out: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(n_in, n_out, stride), BasicBlock(n_out, n_out, 1))


def build(architecture: Architecture) -> nn.Module:
    """Return a new network in train mode, its weights drawn from torch's global generator."""
    return ResNet18(architecture.width, architecture.n_classes)


def tensor_specs(architecture: Architecture) -> dict[str, TensorSpec]:
    """Return the specification of every tensor of the state_dict, in state_dict order."""
    with torch.device("meta"):
        state = build(architecture).state_dict()
    return {
        name: TensorSpec(tuple(tensor.shape), _SAFETENSORS_DTYPES[tensor.dtype])
        for name, tensor in state.items()
    }
