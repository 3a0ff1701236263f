import json
from pathlib import Path

import pytest
import torch

from submissions_sandbox.architectures import Architecture, TensorSpec, build, tensor_specs

# Names, shapes and dtypes of torchvision 0.29's resnet18(num_classes=10).state_dict(), in order.
TORCHVISION = json.loads((Path(__file__).parent / "torchvision_resnet18.json").read_text())


def test_full_width_has_exactly_torchvisions_state_dict():
    state = build(Architecture()).state_dict()
    ours = [
        [name, list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in state.items()
    ]
    assert ours == TORCHVISION


def test_attributes_that_submissions_reach_for_exist():
    net = build(Architecture(width=2))
    assert net.fc.out_features == 10
    assert net.layer4[1].conv2.kernel_size == (3, 3)
    assert isinstance(net.layer2[0].downsample[0], torch.nn.Conv2d)
    assert net.layer2[0].conv1.stride == (2, 2)
    assert net.layer1[0].downsample is None
    assert net.conv1.bias is None
    assert (net.conv1.stride, net.conv1.padding) == ((2, 2), (3, 3))


def test_width_scales_every_stage():
    shapes = {name: spec.shape for name, spec in tensor_specs(Architecture(width=16, n_classes=7)).items()}
    assert shapes["conv1.weight"] == (16, 3, 7, 7)
    assert shapes["layer4.1.conv2.weight"] == (128, 128, 3, 3)
    assert shapes["fc.weight"] == (7, 128)


def test_specs_describe_a_real_state_dict_in_its_order():
    specs = tensor_specs(Architecture(width=4))
    state = build(Architecture(width=4)).state_dict()
    dtypes = {torch.float32: "F32", torch.int64: "I64"}
    assert list(specs.items()) == [
        (name, TensorSpec(tuple(tensor.shape), dtypes[tensor.dtype])) for name, tensor in state.items()
    ]


def test_forward_agrees_with_the_layers_composed_by_hand():
    torch.manual_seed(0)
    net = build(Architecture(width=2)).eval()
    images = torch.rand(3, 3, 32, 32) * 255

    def block(b, x):
        out = b.bn2(b.conv2(torch.relu(b.bn1(b.conv1(x)))))
        return torch.relu(out + (x if b.downsample is None else b.downsample(x)))

    with torch.no_grad():
        x = torch.max_pool2d(torch.relu(net.bn1(net.conv1(images))), 3, 2, 1)
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = block(stage[1], block(stage[0], x))
        expected = net.fc(x.mean(dim=(2, 3)))
        assert net(images).shape == (3, 10)
        torch.testing.assert_close(net(images), expected)


def test_first_weights_have_the_spread_of_torchvisions_initialisation():
    torch.manual_seed(0)
    weight = build(Architecture(width=32)).layer4[0].conv1.weight  # more channels out than in
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)


def test_architecture_survives_its_dict():
    architecture = Architecture(width=16)
    assert Architecture.from_dict(json.loads(json.dumps(architecture.to_dict()))) == architecture


@pytest.mark.parametrize(
    "values",
    [
        {"name": "resnet50", "width": 16, "n_classes": 10},
        {"name": "resnet18", "width": 0, "n_classes": 10},
        {"name": "resnet18", "width": 16.0, "n_classes": 10},
        {"name": "resnet18", "width": True, "n_classes": 10},
        {"name": "resnet18", "width": 16, "n_classes": 1},
        {"name": "resnet18", "width": 16},
        {"name": "resnet18", "width": 16, "n_classes": 10, "depth": 18},
    ],
)
def test_bad_architecture_dict_is_refused(values):
    with pytest.raises(ValueError, match="architecture"):
        Architecture.from_dict(values)
