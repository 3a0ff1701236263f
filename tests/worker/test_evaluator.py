"""The evaluator's process: the same numbers as in-process, and clear ends for models that overflow."""

import pytest
import torch
from safetensors.torch import load, save

from core.models import Phase
from core.storage import storage
from worker.evaluator import EvaluatorError, EvaluatorProcess, OverflowingModelError, kept_evaluator


def _original(phase: Phase) -> bytes:
    assert phase.original_sha256 is not None
    return storage().get(phase.original_sha256)


def test_evaluator_gives_the_bytes_that_the_preparation_stored(tiny_phase: Phase) -> None:
    assert tiny_phase.original_evaluation_sha256 is not None
    with EvaluatorProcess(tiny_phase) as evaluator:
        for _ in range(2):
            evaluation = evaluator.evaluate(_original(tiny_phase))
            assert evaluation == storage().get(tiny_phase.original_evaluation_sha256)


def test_evaluator_overflow_is_told_and_the_next_model_is_measured(tiny_phase: Phase) -> None:
    weights = load(_original(tiny_phase))
    weights["fc.weight"] = torch.full_like(weights["fc.weight"], 3e38)
    with EvaluatorProcess(tiny_phase) as evaluator:
        with pytest.raises(OverflowingModelError):
            evaluator.evaluate(save(weights))
        assert evaluator.evaluate(_original(tiny_phase))


def test_evaluator_that_dies_or_lacks_the_device_of_its_phase_is_a_platform_error(
    tiny_phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EvaluatorProcess(tiny_phase) as evaluator, pytest.raises(EvaluatorError):
        evaluator.evaluate(b"\0" * 1000)
    tiny_phase.limits = tiny_phase.limits | {"device": "cuda"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with EvaluatorProcess(tiny_phase) as evaluator, pytest.raises(EvaluatorError):
        evaluator.evaluate(_original(tiny_phase))


def test_evaluator_is_kept_for_the_next_submission_of_its_phase(tiny_phase: Phase) -> None:
    with kept_evaluator(tiny_phase) as first:
        evaluation = first.evaluate(_original(tiny_phase))
    with kept_evaluator(tiny_phase) as second:
        assert second is first
        assert second.evaluate(_original(tiny_phase)) == evaluation


def test_evaluator_of_another_phase_is_another(tiny_phase: Phase) -> None:
    with kept_evaluator(tiny_phase) as first:
        pass
    other = Phase(**{column.key: getattr(tiny_phase, column.key) for column in Phase.__table__.columns})
    other.secret_part_sha256 = "0" * 64
    with kept_evaluator(other) as second:
        assert second is not first
        assert not first.is_alive


def test_evaluator_that_failed_or_died_is_not_kept(tiny_phase: Phase) -> None:
    with pytest.raises(EvaluatorError), kept_evaluator(tiny_phase) as first:
        first.evaluate(b"\0" * 1000)
    with kept_evaluator(tiny_phase) as second:
        assert second is not first
    second.close()
    with kept_evaluator(tiny_phase) as third:
        assert third.evaluate(_original(tiny_phase))
