"""Weights as real code leaves them: wrapped, pruned, parametrized, shared, in other dtypes and layouts."""

import copy
import io
import json
from typing import Any

import pytest
import torch
from safetensors.torch import load
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from submissions_sandbox import architectures, weights
from submissions_sandbox.architectures import Architecture
from worker.validation import check_weights

_ARCHITECTURE = Architecture(width=2)
_SPECS = architectures.tensor_specs(_ARCHITECTURE)
_IMAGES = torch.rand(4, 3, 32, 32) * 255


@pytest.fixture
def net() -> Any:
    torch.manual_seed(0)
    return architectures.build(_ARCHITECTURE).eval()


def written(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights as the worker gets them."""
    file = io.BytesIO()
    weights.write(weights.take(module, _SPECS), file)
    check_weights(file.getvalue(), _SPECS)
    return load(file.getvalue())


def assert_same_network(module: nn.Module, inner: nn.Module) -> None:
    """The weights, in a network of our own, compute what the returned network computes."""
    ours = architectures.build(_ARCHITECTURE).eval()
    ours.load_state_dict(written(module))
    with torch.no_grad():
        torch.testing.assert_close(ours(_IMAGES), inner.eval()(_IMAGES).float(), rtol=0, atol=0)


def test_wrappers_are_taken_off(net: Any) -> None:
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    averaged.update_parameters(net)
    for module in (nn.DataParallel(net), averaged, nn.DataParallel(averaged)):
        assert_same_network(module, net)


def test_compiled_module_is_taken_off(net: Any) -> None:
    wrapper = nn.Module()
    wrapper._orig_mod = net
    assert_same_network(wrapper, net)


def test_pruned_weights_are_those_that_the_network_computes_with(net: Any) -> None:
    prune.l1_unstructured(net.layer1[0].conv1, "weight", amount=0.5)
    prune.global_unstructured([(net.conv1, "weight"), (net.fc, "bias")], prune.L1Unstructured, amount=0.3)
    with torch.no_grad():
        net.conv1.weight_orig += 1  # after this the attribute `weight` is a step behind
    assert_same_network(net, net)


def test_parametrized_weights_are_those_that_the_network_computes_with(net: Any) -> None:
    class Halved(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x / 2

    parametrize.register_parametrization(net.fc, "weight", Halved())
    parametrizations.weight_norm(net.conv1)
    assert_same_network(net, net)


def test_parametrization_that_moves_in_training_is_read_in_eval_mode(net: Any) -> None:
    parametrizations.spectral_norm(net.fc)
    assert_same_network(net.train(), copy.deepcopy(net))


def test_weight_norm_of_old_is_refused_with_what_to_do(net: Any) -> None:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(net.conv1)
    with pytest.raises(weights.WrongWeightsError, match=r"conv1\.weight is computed.*remove_weight_norm"):
        written(net)


def test_foreign_layers_that_keep_the_names_are_taken(net: Any) -> None:
    class LowRank(nn.Module):
        def __init__(self, of: nn.Linear) -> None:
            super().__init__()
            self.weight = nn.Parameter(of.weight.detach().clone(), requires_grad=False)
            self.register_buffer("bias", of.bias.detach().clone())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.linear(x, self.weight, self.bias)

    net.fc = LowRank(net.fc)
    net.relu = nn.LeakyReLU(0.0)
    assert_same_network(net, net)


def _expand(net: Any) -> None:
    net.fc.weight = nn.Parameter(torch.ones(1, 1).expand(10, net.fc.in_features))


def _transpose(net: Any) -> None:
    net.fc.weight = nn.Parameter(torch.rand(net.fc.in_features, 10).t())


def _share(net: Any) -> None:
    net.bn1.bias = net.bn1.weight


def _slice(net: Any) -> None:
    net.fc.bias = nn.Parameter(torch.rand(100)[::10])


def _negate(net: Any) -> None:
    net.fc.bias.data = torch.view_as_complex(torch.rand(10, 2)).conj().imag


def _add_attributes(net: Any) -> None:
    for parameter in net.parameters():
        parameter.importance = torch.rand(3)
        parameter.requires_grad = False
    net.history = [1, 2, 3]
    net.register_forward_hook(lambda *_: None)


def _leave_in_training(net: Any) -> None:
    net.train().requires_grad_(False)
    net.zero_grad(set_to_none=True)


def _subclass(net: Any) -> None:
    class Tagged(torch.Tensor):
        pass

    net.bn1.running_mean = net.bn1.running_mean.as_subclass(Tagged)


def _channels_last(net: Any) -> None:
    net.to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "change",
    [
        _expand,
        _transpose,
        _share,
        _slice,
        _negate,
        _add_attributes,
        _leave_in_training,
        _subclass,
        _channels_last,
    ],
)
def test_tensors_of_any_layout_are_taken(net: Any, change: Any) -> None:
    change(net)
    assert_same_network(net, net)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_come_back_as_float32(net: Any, dtype: torch.dtype) -> None:
    state = {name: tensor.to(dtype) for name, tensor in copy.deepcopy(net).state_dict().items()}
    taken = written(net.to(dtype))
    for name, spec in _SPECS.items():
        assert taken[name].dtype == (torch.float32 if spec.dtype == "F32" else torch.int64)
        assert taken[name].equal(state[name].to(taken[name].dtype))


def test_network_without_values_is_refused(net: Any) -> None:
    with pytest.raises(weights.WrongWeightsError, match="meta device"):
        written(net.to("meta"))


def test_batch_norm_without_statistics_is_refused_by_name(net: Any) -> None:
    net.bn1 = nn.BatchNorm2d(2, track_running_stats=False)
    with pytest.raises(weights.WrongWeightsError, match=r"lacks bn1\.running_mean"):
        written(net)


def test_plain_weights_are_not_copied(net: Any) -> None:
    taken = weights.take(net, _SPECS)
    assert taken["fc.weight"].data_ptr() == net.fc.weight.data_ptr()


def test_header_is_json_and_aligned(net: Any) -> None:
    file = io.BytesIO()
    weights.write(weights.take(net, _SPECS), file)
    length = int.from_bytes(file.getvalue()[:8], "little")
    assert length % 8 == 0
    assert set(json.loads(file.getvalue()[8 : 8 + length])) == set(_SPECS)
