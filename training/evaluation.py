"""What a checkpoint is measured to be: the logits and accuracies that scoring starts from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from faces.bundle import Bundle, Split
from submissions_sandbox.architectures import Architecture, build
from training.threads import one_thread

EVALUATOR_VERSION = "1"

_BATCH_SIZE = 500


@dataclass(frozen=True)
class Evaluation:
    """What one model does on the data of a phase.

    Attributes:
        forget_logits: float32 [n_forget, n_classes], in the order of the forget set; not finite where
            the weights overflow, which scoring refuses.
        retain_accuracy: share of the retain set that is classified right, 0..1.
        test_accuracy: the same of the test set.
    """

    forget_logits: NDArray[np.float32]
    retain_accuracy: float
    test_accuracy: float

    def to_bytes(self) -> bytes:
        """Write the evaluation as safetensors that name the evaluator's version."""
        arrays = {
            "forget_logits": self.forget_logits,
            "retain_accuracy": np.array(self.retain_accuracy),
            "test_accuracy": np.array(self.test_accuracy),
        }
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
            retain_accuracy=float(arrays["retain_accuracy"]),
            test_accuracy=float(arrays["test_accuracy"]),
        )


class Evaluator:
    """Measures checkpoints of one phase, references and submissions alike: float32, one CPU thread."""

    def __init__(self, bundle: Bundle, architecture: Architecture) -> None:
        self._bundle = bundle
        self._net = build(architecture).eval()

    def evaluate(self, state: Mapping[str, torch.Tensor]) -> Evaluation:
        """Measure one checkpoint, in eval mode.

        Args:
            state: a state_dict of the architecture, already validated.

        Raises:
            RuntimeError: the state does not fit the architecture.
        """
        self._net.load_state_dict(state)
        bundle = self._bundle
        with one_thread(), torch.inference_mode():
            return Evaluation(
                forget_logits=self._logits(bundle.forget),
                retain_accuracy=self._accuracy(bundle.retain),
                test_accuracy=self._accuracy(bundle.test),
            )

    def _logits(self, split: Split) -> NDArray[np.float32]:
        batches = torch.split(torch.from_numpy(split.images), _BATCH_SIZE)
        logits: NDArray[np.float32] = torch.cat([self._net(batch.float()) for batch in batches]).numpy()
        return logits

    def _accuracy(self, split: Split) -> float:
        return float(np.mean(self._logits(split).argmax(axis=1) == split.age_group))


def _metadata(data: bytes) -> dict[str, str]:
    # safetensors reads metadata only from files; the header is an 8-byte length, then JSON.
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata
