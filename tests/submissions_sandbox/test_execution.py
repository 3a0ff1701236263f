import io
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load
from torch import nn

from submissions_sandbox import architectures, weights
from submissions_sandbox.architectures import Architecture
from submissions_sandbox.execution import Inputs, execute
from submissions_sandbox.forked_run import RunFailedError, kill_everything_else
from submissions_sandbox.loaders import loaders_from_bytes
from submissions_sandbox.protocol import Failure
from tests.support.sandboxes import make_input
from worker.validation import check_weights

_ARCHITECTURE = Architecture(width=2)


@pytest.fixture(autouse=True)
def _as_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give the submission a folder, and forget its module afterwards, as the end of a child does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("submission", None)


def _inputs(source: str) -> Inputs:
    torch.manual_seed(0)
    return Inputs(
        net=architectures.build(_ARCHITECTURE).eval(),
        loaders=loaders_from_bytes(make_input("").participant_data),
        source=make_input(source).source,
        specs=architectures.tensor_specs(_ARCHITECTURE),
    )


def _execute(source: str, seed: int = 1) -> bytes:
    output = io.BytesIO()
    execute(_inputs(source), seed=seed, output=output)
    return output.getvalue()


def test_run_gets_the_net_on_the_phases_device() -> None:
    source = """
def unlearning(net, retain, forget, val):
    assert {str(p.device) for p in net.parameters()} == {"meta"}
    return net.to_empty(device="cpu")
"""
    inputs = replace(_inputs(source), device="meta")  # the one device beside the CPU that is everywhere
    execute(inputs, seed=1, output=io.BytesIO())


def _failure(source: str) -> RunFailedError:
    with pytest.raises(RunFailedError) as failed:
        _execute(source)
    return failed.value


def test_returned_weights_pass_the_workers_check() -> None:
    frame = _execute("def unlearning(net, retain, forget, val): return net")
    check_weights(frame, architectures.tensor_specs(_ARCHITECTURE))
    state = architectures.build(_ARCHITECTURE).state_dict()
    assert {name: tensor.shape for name, tensor in load(frame).items()} == {
        name: tensor.shape for name, tensor in state.items()
    }


def test_seeding_at_import_does_not_make_runs_equal() -> None:
    source = """
import random, numpy, torch
torch.manual_seed(1); numpy.random.seed(1); random.seed(1)
def unlearning(net, retain, forget, val):
    with torch.no_grad():
        net.fc.bias[0], net.fc.bias[1] = torch.rand(()), float(numpy.random.rand())
        net.fc.bias[2] = random.random()
"""
    first, second = (load(_execute(source, seed))["fc.bias"][:3] for seed in (1, 2**64 - 1))
    assert (first != second).all()
    assert load(_execute(source, 1))["fc.bias"][:3].equal(first)


def test_returned_module_counts_and_not_the_net() -> None:
    source = """
import copy, torch
def unlearning(net, retain, forget, val):
    other = copy.deepcopy(net)
    torch.nn.init.ones_(other.fc.bias)
    torch.nn.init.zeros_(net.fc.bias)
    return other.double()
"""
    assert load(_execute(source))["fc.bias"].equal(torch.ones(10))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "defines no function unlearning"),
        ("unlearning = 3", "defines no function unlearning"),
        ("def unlearning(net retain): pass", "SyntaxError"),
        ("import no_such_package", "ModuleNotFoundError"),
        ("import no_such_package", "A sandbox has Python's own modules, numpy, "),
        ("def unlearning(a, b, c, d, lr): pass", "requires lr beyond"),
        ("raise SystemExit(0)", "SystemExit"),
        ("open('/no/such/file')", "FileNotFoundError"),
        ("\x00", "SyntaxError"),
    ],
)
def test_file_without_a_usable_function_is_an_invalid_submission(source: str, words: str) -> None:
    failure = _failure(source)
    assert failure.failure is Failure.INVALID_SUBMISSION
    assert words in failure.message


@pytest.mark.parametrize(
    ("body", "expected", "words"),
    [
        ("raise ValueError('x' * 10**6)", Failure.NONZERO_EXIT, "xxx"),
        ("import sys; sys.exit()", Failure.NONZERO_EXIT, "SystemExit"),
        ("unlearning(*a)", Failure.NONZERO_EXIT, "RecursionError"),
        ("raise MemoryError", Failure.OUT_OF_MEMORY, "memory ran out"),
        ("import torch; torch.empty(2**55)", Failure.OUT_OF_MEMORY, "memory ran out"),
        ("return a[0].state_dict()", Failure.INVALID_OUTPUT, "of a state_dict write `net.load_state_dict"),
        ("return a[0], []", Failure.INVALID_OUTPUT, "return the network alone"),
        ("del a[0].fc", Failure.INVALID_OUTPUT, "lacks fc.weight, fc.bias"),
        ("a[0].extra = a[0].fc", Failure.INVALID_OUTPUT, "has extra.weight, extra.bias"),
        ("a[0].state_dict = lambda: 1 / 0", Failure.INVALID_OUTPUT, "ZeroDivisionError"),
        ("a[0].to('meta')", Failure.INVALID_OUTPUT, "conv1.weight is on the meta device"),
    ],
)
def test_run_without_weights_says_why(body: str, expected: Failure, words: str) -> None:
    failure = _failure(f"def unlearning(*a):\n    {body}")
    assert failure.failure is expected
    assert words in failure.message
    assert len(failure.message) <= 2000


def test_wrong_number_of_parameters_is_named() -> None:
    failure = _failure("def unlearning(net, retain): pass")
    assert failure.failure is Failure.INVALID_SUBMISSION
    assert "unlearning takes 2 arguments; Lethe calls unlearning(net, retain, forget, val)" in failure.message


def test_many_wrong_names_are_counted() -> None:
    specs = architectures.tensor_specs(_ARCHITECTURE)
    with pytest.raises(weights.WrongWeightsError, match=r"lacks conv1\.weight, .* and \d+ more"):
        weights.take(nn.Module(), specs)


def test_killing_everything_is_refused_outside_a_sandbox() -> None:
    with pytest.raises(RuntimeError, match="only PID 1"):
        kill_everything_else()
