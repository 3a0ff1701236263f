"""What a checkpoint is measured to be: the logits and accuracies that scoring starts from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save
from torch import nn

from faces.bundle import Bundle, Split
from submissions_sandbox.architectures import Architecture, build
from training.cuda import deterministic_float32
from training.threads import one_thread
from training.trimmed import trim

EVALUATOR_VERSION = "3"

_BATCH_SIZE = 256
_SAMPLE_SIZE = 256
_SAMPLE_SEED = 2023


@dataclass(frozen=True)
class Evaluation:
    """What one model does on the data of a phase.

    Attributes:
        forget_logits: float32 [n_forget, n_classes], finite, in the order of the forget set.
        retain_logits: float32 [n_sample, n_classes], finite, of the retain set's `sample_indices`.
        test_logits: the same of the test set.
        retain_accuracy: share of the whole retain set that is classified right, 0..1.
        test_accuracy: the same of the test set.
    """

    forget_logits: NDArray[np.float32]
    retain_logits: NDArray[np.float32]
    test_logits: NDArray[np.float32]
    retain_accuracy: float
    test_accuracy: float

    def to_bytes(self) -> bytes:
        """Write the evaluation as safetensors that name the evaluator's version."""
        arrays = {name: np.array(value, order="C") for name, value in vars(self).items()}
        return save(arrays, metadata={"evaluator_version": EVALUATOR_VERSION})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; another evaluator version is a `ValueError`."""
        version = _metadata(data).get("evaluator_version")
        if version != EVALUATOR_VERSION:
            raise ValueError(f"the evaluation is of version {version}, not {EVALUATOR_VERSION}")
        arrays = load(data)
        return cls(
            forget_logits=arrays["forget_logits"],
            retain_logits=arrays["retain_logits"],
            test_logits=arrays["test_logits"],
            retain_accuracy=float(arrays["retain_accuracy"]),
            test_accuracy=float(arrays["test_accuracy"]),
        )


def sample_indices(n_images: int) -> NDArray[np.intp]:
    """Return which images of a retain or test set have their logits stored: the same for every model.

    Args:
        n_images: size of the set.

    Returns:
        [min(n_images, 256)] increasing indices: all of a small set, else drawn without replacement.
    """
    # The raw stream: NumPy promises to keep it, but not the samples that it draws from it.
    order = np.argsort(np.random.PCG64(_SAMPLE_SEED).random_raw(n_images), kind="stable")
    return np.sort(order[:_SAMPLE_SIZE])


class Evaluator:
    """Measures checkpoints of one phase, references and submissions alike, in float32.

    It computes with the trimmed network, whose function is the whole one's. On a CPU it takes one thread.
    """

    def __init__(self, bundle: Bundle, architecture: Architecture, device: str = "cpu") -> None:
        """Make ready to measure on a device, "cpu" or "cuda", which holds the images from now on."""
        self._bundle = bundle
        place = torch.device(device)
        self._images = [
            torch.from_numpy(split.images).to(place) for split in (bundle.forget, bundle.retain, bundle.test)
        ]
        net = build(architecture).eval()
        _, _, height, width = bundle.forget.images.shape
        trim(net, architecture, (height, width))
        if place.type == "cpu":
            net.maxpool = _ChannelsLast(net.get_submodule("maxpool"))
        self._net: nn.Module = net.to(place)

    def evaluate(self, state: Mapping[str, torch.Tensor]) -> Evaluation:
        """Measure one checkpoint, in eval mode.

        Args:
            state: a state_dict of the architecture, already validated.

        Raises:
            RuntimeError: the state does not fit the architecture.
            FloatingPointError: a logit of any image of the three sets is NaN or infinite.
        """
        self._net.load_state_dict(state)
        retain, test = self._bundle.retain, self._bundle.test
        with one_thread(), deterministic_float32(), torch.inference_mode():
            # Nothing waits for the device before all of it is queued.
            logits = [self._logits(images) for images in self._images]
            forget_logits, retain_logits, test_logits = (_finite(tensor.cpu().numpy()) for tensor in logits)
        return Evaluation(
            forget_logits=forget_logits,
            retain_logits=retain_logits[sample_indices(len(retain))],
            test_logits=test_logits[sample_indices(len(test))],
            retain_accuracy=_accuracy(retain_logits, retain),
            test_accuracy=_accuracy(test_logits, test),
        )

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        return torch.cat([self._net(batch.float()) for batch in torch.split(images, _BATCH_SIZE)])


class _ChannelsLast(nn.Module):
    """A layer computed in the channels-last format, in which torch's pooling is vectorised."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self._layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map as the layer does, contiguous to contiguous."""
        y: torch.Tensor = self._layer(x.contiguous(memory_format=torch.channels_last))
        return y.contiguous()


def _finite(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(logits).all():
        raise FloatingPointError("the model computes NaN or infinity")
    return logits


def _accuracy(logits: NDArray[np.float32], split: Split) -> float:
    return float(np.mean(logits.argmax(axis=1) == split.age_group))


def _metadata(data: bytes) -> dict[str, str]:
    # safetensors reads metadata only from files; the header is an 8-byte length, then JSON.
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata
