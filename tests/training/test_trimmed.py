import pytest
import torch
from torch import nn

from submissions_sandbox.architectures import Architecture, build
from training.trimmed import Maps, SmallMapConv2d, trim

FACES = (32, 32)


def pair(*, width=8, size=FACES, seed=0):
    """A network, and the same trimmed, with running statistics of their own and the same dead taps."""
    architecture = Architecture(width=width)
    torch.manual_seed(seed)
    full = build(architecture)
    full(torch.rand(16, 3, *size) * 255)
    torch.manual_seed(seed)
    trimmed = build(architecture)
    trim(trimmed, architecture, size)
    trimmed.load_state_dict(full.state_dict())
    return full, trimmed


def small_maps(net):
    return {name: module for name, module in net.named_modules() if isinstance(module, SmallMapConv2d)}


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("width", "size"), [(64, FACES), (8, FACES), (8, (40, 24)), (8, (8, 8))])
def test_forward_is_the_full_networks(width, size):
    full, trimmed = pair(width=width, size=size)
    images = torch.rand(64, 3, *size) * 255
    for training in (True, False):
        with torch.no_grad():
            found, expected = (net.train(training)(images) for net in (trimmed, full))
        assert relative(found, expected) < 1e-5


def test_taps_that_no_pixel_meets_are_left_out():
    _, trimmed = pair()
    shapes = {name: tuple(module.weight.shape) for name, module in small_maps(trimmed).items()}
    assert shapes == {
        "layer3.0.conv1": (32, 3, 3, 16),
        "layer3.0.conv2": (32, 3, 3, 32),
        "layer3.0.downsample.0": (32, 1, 1, 16),
        "layer3.1.conv1": (32, 3, 3, 32),
        "layer3.1.conv2": (32, 3, 3, 32),
        "layer4.0.conv1": (64, 2, 2, 32),
        "layer4.0.conv2": (64, 1, 1, 64),
        "layer4.0.downsample.0": (64, 1, 1, 32),
        "layer4.1.conv1": (64, 1, 1, 64),
        "layer4.1.conv2": (64, 1, 1, 64),
    }


def test_larger_images_use_every_tap():
    _, trimmed = pair(size=(128, 128))
    assert small_maps(trimmed) == {}


def test_gradients_are_the_full_networks_and_the_rest_of_its_are_zero():
    nets = [net.train().double() for net in pair()]
    images = torch.rand(16, 3, *FACES).double() * 255
    labels = torch.randint(0, 10, (16,))
    for net in nets:
        nn.functional.cross_entropy(net(images), labels).backward()
    full, trimmed = nets
    small = small_maps(trimmed)
    for name, parameter in trimmed.named_parameters():
        module = small.get(name.removesuffix(".weight"))
        found = module._uncut(parameter.grad) if module else parameter.grad
        torch.testing.assert_close(found, full.get_parameter(name).grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 3)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (4, 3)])
def test_convolution_and_its_gradients_are_torchs(kernel, stride, size):
    torch.manual_seed(0)
    padding = (kernel[0] // 2, kernel[1] // 2)
    conv = nn.Conv2d(3, 5, kernel, stride=stride, padding=padding, bias=False).double()
    x = torch.rand(2, 3, *size, dtype=torch.float64, requires_grad=True)
    expected = conv(x)
    small = SmallMapConv2d(conv, Maps(size, tuple(expected.shape[2:])))
    found = small(x)
    torch.testing.assert_close(found, expected)
    weights = torch.rand_like(expected)
    (of_x,) = torch.autograd.grad((found * weights).sum(), x, retain_graph=True)
    torch.testing.assert_close(of_x, torch.autograd.grad((expected * weights).sum(), x, retain_graph=True)[0])
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(small._uncut(small.weight.grad), conv.weight.grad)


def test_state_dict_has_the_full_networks_names_and_shapes_and_zeros_at_dead_taps():
    full, trimmed = pair()
    state, expected = trimmed.state_dict(), full.state_dict()
    assert [(name, t.shape, t.dtype) for name, t in state.items()] == [
        (name, t.shape, t.dtype) for name, t in expected.items()
    ]
    centre = state["layer4.1.conv2.weight"][:, :, 1, 1]
    assert torch.equal(centre, expected["layer4.1.conv2.weight"][:, :, 1, 1])
    assert torch.count_nonzero(state["layer4.1.conv2.weight"]) == torch.count_nonzero(centre)


def test_state_survives_a_full_network_and_back():
    full, trimmed = pair()
    full.load_state_dict(trimmed.state_dict())
    other = pair(seed=1)[1]
    other.load_state_dict(full.state_dict())
    images = torch.rand(4, 3, *FACES) * 255
    with torch.no_grad():
        assert torch.equal(other.eval()(images), trimmed.eval()(images))


def test_state_of_another_shape_or_without_a_weight_is_refused():
    _, trimmed = pair()
    with pytest.raises(RuntimeError, match="size mismatch for layer4"):
        trimmed.load_state_dict(build(Architecture(width=4)).state_dict())
    state = trimmed.state_dict()
    with pytest.raises(RuntimeError, match="size mismatch for layer4"):
        trimmed.load_state_dict({**state, "layer4.1.conv2.weight": torch.zeros(64, 64, 5, 5)})
    del state["layer4.1.conv2.weight"]
    with pytest.raises(RuntimeError, match="Missing key"):
        trimmed.load_state_dict(state)
