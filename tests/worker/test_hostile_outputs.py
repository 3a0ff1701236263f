"""What a run may return, hostile or merely strange, and that the next run is none the worse for it."""

import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load

from core.lifecycle import Verdict
from tests.support.sandboxes import KINDS, LIMITS, make_input, make_sandbox
from worker.runner import RunOutcome, SubmissionRunner

_LIMITS = replace(LIMITS, run_s=3.0)
_SOURCE = Path(__file__).with_name("hostile_outputs.py").read_text()


@pytest.fixture(scope="module", params=KINDS)
def runner(request: pytest.FixtureRequest) -> Iterator[SubmissionRunner]:
    """One sandbox of each kind that all tests share."""
    with closing(make_sandbox(request.param).open(_LIMITS)) as channel:
        runner = SubmissionRunner(channel, make_input(_SOURCE), _LIMITS)
        runner.start()
        yield runner


def _run(runner: SubmissionRunner, name: str) -> RunOutcome:
    return runner.run(zlib.crc32(name.encode()))


@pytest.mark.parametrize(
    "name",
    [
        *("complex_numbers", "negative_view", "boolean", "half_float", "stride_zero", "overlapping_view"),
        *("tracked", "inference", "shared_memory", "denormal_and_minus_zero", "largest_integer"),
        *("fractional_count", "nan_count", "default_device_left_on_meta"),
        *("closed_memory_file", "own_frame"),
    ],
)
def test_what_can_be_read_as_weights_is_weights(runner: SubmissionRunner, name: str) -> None:
    outcome = _run(runner, name)
    assert outcome.verdict is Verdict.OK, outcome.message
    assert outcome.weights is not None
    assert all(tensor.isfinite().all() for tensor in load(outcome.weights).values())


def test_tensor_that_has_no_memory_is_what_lies_there_or_refused(runner: SubmissionRunner) -> None:
    """What is sent in its place is memory that nobody has written to: often numbers, now and then none."""
    outcome = _run(runner, "dispatching_subclass")
    if outcome.verdict is Verdict.INVALID_OUTPUT:
        assert "holds a NaN or an infinite value" in outcome.message
    else:
        assert outcome.verdict is Verdict.OK, outcome.message
        assert outcome.weights is not None
        assert all(tensor.isfinite().all() for tensor in load(outcome.weights).values())


def test_frame_of_the_runs_own_making_is_taken_as_it_is(runner: SubmissionRunner) -> None:
    """Everything in a sandbox is the submission's: what it writes itself could be what it computed."""
    weights = _run(runner, "own_frame").weights
    assert weights is not None
    assert load(weights)["fc.bias"].tolist() == list(range(10))


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("sparse", Verdict.INVALID_OUTPUT, "RuntimeError"),
        ("quantized", Verdict.INVALID_OUTPUT, "quantized"),
        ("on_meta", Verdict.INVALID_OUTPUT, "meta device"),
        ("nested", Verdict.INVALID_OUTPUT, "Nested"),
        ("fake", Verdict.INVALID_OUTPUT, "FakeTensor"),
        ("endless_shape", Verdict.INVALID_OUTPUT, "has the shape [4611686018427387904], not [4]"),
        ("scalar", Verdict.INVALID_OUTPUT, "has the shape [], not [4]"),
        ("no_tensor", Verdict.INVALID_OUTPUT, "is a list, not a tensor"),
        ("numpy_array", Verdict.INVALID_OUTPUT, "is a ndarray, not a tensor"),
        ("negative_infinity", Verdict.INVALID_OUTPUT, "bn1.weight holds a NaN or an infinite value"),
        ("overflows_float32", Verdict.INVALID_OUTPUT, "bn1.weight holds a NaN or an infinite value"),
        ("no_names", Verdict.INVALID_OUTPUT, "lacks conv1.weight"),
        ("numbered_names", Verdict.INVALID_OUTPUT, ""),
        ("a_hundred_thousand_names", Verdict.INVALID_OUTPUT, "has 0, 1, 2 and 99997 more"),
        ("a_long_name", Verdict.INVALID_OUTPUT, "which the original has not"),
        ("no_dict", Verdict.INVALID_OUTPUT, "lacks conv1.weight"),
        ("raising_state", Verdict.INVALID_OUTPUT, "ZeroDivisionError"),
        ("exiting_state", Verdict.NONZERO_EXIT, "exit status 0"),
        ("endless_state", Verdict.TIMEOUT, "seconds"),
        ("raising_subclass", Verdict.INVALID_OUTPUT, "KeyboardInterrupt"),
        ("mode_left_on", Verdict.INVALID_OUTPUT, "conv1.weight has the shape [7]"),
        ("grown_memory_file", Verdict.NONZERO_EXIT, "exit status 1"),
        ("emptied_memory_file", Verdict.INVALID_OUTPUT, "safetensors header"),
        ("sealed_memory_file", Verdict.NONZERO_EXIT, "exit status 1"),
        ("lying_length", Verdict.INVALID_OUTPUT, "safetensors header"),
        ("swapped_bytes", Verdict.INVALID_OUTPUT, "safetensors header"),
        ("trailing_bytes", Verdict.INVALID_OUTPUT, "bytes where their header promises"),
        ("number_bomb", Verdict.INVALID_OUTPUT, "not the JSON of safetensors"),
    ],
)
def test_what_cannot_is_refused_and_the_sandbox_goes_on(
    runner: SubmissionRunner, name: str, verdict: Verdict, words: str
) -> None:
    outcome = _run(runner, name)
    assert outcome.verdict is verdict, outcome
    assert words in outcome.message
    assert outcome.weights is None
    assert _run(runner, "inference").verdict is Verdict.OK
