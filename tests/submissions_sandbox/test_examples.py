import ast
import copy
import importlib.util
import inspect
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save
from torch.nn.functional import cross_entropy

import submissions_sandbox
from submissions_sandbox.architectures import Architecture, build, tensor_specs
from submissions_sandbox.loaders import loaders_from_bytes

ROOM = Path(submissions_sandbox.__file__).parent
EXAMPLES = sorted((ROOM / "examples").glob("*.py"))
SUBMISSIONS = [*EXAMPLES, ROOM / "template.py"]
COMPETITION = ROOM.parent / "competitions" / "demo" / "competition.yaml"
ARCHITECTURE = Architecture(width=4)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads only wait for each other on networks as small as these."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def load(name):
    """Import a submission anew, as every run does."""
    path = ROOM / f"{name}.py" if name == "template" else ROOM / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location("submission", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def original(seed=0):
    torch.manual_seed(seed)
    return build(ARCHITECTURE).eval()


@pytest.fixture(scope="module")
def loaders():
    """Retain and forget sets whose age group is how bright the image is."""
    tensors = {}
    generator = torch.Generator().manual_seed(0)
    for split, n in (("retain", 140), ("forget", 40), ("val", 20)):
        group = torch.arange(n) % 10
        noise = torch.randint(0, 20, (n, 3, 32, 32), generator=generator)
        tensors[f"{split}/images"] = (group[:, None, None, None] * 23 + noise).to(torch.uint8)
        tensors[f"{split}/age_group"] = group
        tensors[f"{split}/age"] = group * 10
        tensors[f"{split}/person_id"] = torch.arange(n)
        tensors[f"{split}/image_id"] = torch.arange(n)
    return loaders_from_bytes(save(tensors))


def loss(net, loader):
    net.eval()
    with torch.no_grad():
        return sum(cross_entropy(net(x), y, reduction="sum").item() for x, y in loader) / len(loader.dataset)


def test_the_examples_are_the_ones_that_the_demo_uploads():
    assert {path.stem for path in EXAMPLES} == {
        "do_nothing",
        "finetune",
        "gradient_ascent_then_finetune",
        "reset_layers_then_finetune",
        "retrain",
        "weight_noise",
    }


@pytest.mark.parametrize("path", SUBMISSIONS, ids=lambda path: path.stem)
def test_submission_imports_only_torch_and_the_standard_library(path):
    tree = ast.parse(path.read_text())
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= {"torch", *sys.stdlib_module_names}
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", SUBMISSIONS, ids=lambda path: path.stem)
def test_submission_returns_finite_weights_that_fit(path, loaders):
    module = load(path.stem)
    assert list(inspect.signature(module.unlearning).parameters) == ["net", "retain", "forget", "val"]
    state = module.unlearning(original(), *loaders).state_dict()
    specs = tensor_specs(ARCHITECTURE)
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == {
        name: spec.shape for name, spec in specs.items()
    }
    assert all(torch.isfinite(tensor).all() for tensor in state.values())


@pytest.mark.parametrize(
    "name", ["finetune", "gradient_ascent_then_finetune", "reset_layers_then_finetune", "template"]
)
def test_methods_that_train_fit_the_retain_set_better(name, loaders):
    net = original()
    before = loss(net, loaders.retain)
    torch.manual_seed(1)
    assert loss(load(name).unlearning(net, *loaders), loaders.retain) < before


def test_do_nothing_returns_the_original(loaders):
    net = original()
    state = copy.deepcopy(net.state_dict())
    unlearned = load("do_nothing").unlearning(net, *loaders).state_dict()
    assert all(torch.equal(unlearned[name], state[name]) for name in state)


def test_gradient_ascent_raises_the_loss_on_the_forget_set(loaders):
    module = load("gradient_ascent_then_finetune")
    module.REPAIR_EPOCHS = 0
    inputs, targets = next(iter(loaders.forget))  # all of it, so batch statistics are the same each time
    net = original().train()
    before = cross_entropy(net(inputs), targets)
    assert cross_entropy(module.unlearning(net, *loaders)(inputs), targets) > before


def test_reset_draws_the_last_layers_anew_and_keeps_the_first(loaders):
    module = load("reset_layers_then_finetune")
    net = original()
    state = copy.deepcopy(net.state_dict())
    module.EPOCHS = 0
    reset = module.unlearning(net, *loaders).state_dict()
    changed = {name.split(".")[0] for name in state if not torch.equal(reset[name], state[name])}
    assert changed == {"layer4", "fc"}


def test_retrain_does_not_depend_on_the_original_weights(loaders):
    module = load("retrain")
    states = []
    for seed in (1, 2):
        net = load("finetune").unlearning(original(seed), *loaders)
        torch.manual_seed(7)
        states.append(module.unlearning(net, *loaders).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_retrain_starts_with_the_spread_of_a_new_network(loaders):
    module = load("retrain")
    module.EPOCHS = 0
    net = build(Architecture(width=16))
    with torch.no_grad():
        for tensor in net.state_dict().values():
            tensor.fill_(9)
    module.start_anew(net)
    fresh = build(Architecture(width=16)).state_dict()
    for name, tensor in net.state_dict().items():
        if tensor.numel() > 1000:
            assert tensor.std().item() == pytest.approx(fresh[name].std().item(), rel=0.1)
        elif name.startswith("bn") or ".bn" in name:
            assert torch.equal(tensor, fresh[name])


def test_retrain_uses_the_demos_recipe():
    module = load("retrain")
    recipe = yaml.safe_load(COMPETITION.read_text())["phases"][0]["recipe"]
    assert recipe == {
        "epochs": module.EPOCHS,
        "batch_size": module.BATCH_SIZE,
        "learning_rate": module.LEARNING_RATE,
        "weight_decay": module.WEIGHT_DECAY,
        "drop_last": True,
        "cosine": "step",
        "class_weights": False,
    }


def test_weight_noise_moves_every_parameter_by_a_tenth_of_its_spread(loaders):
    net = original()
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    after = load("weight_noise").unlearning(net, *loaders)
    for name, parameter in after.named_parameters():
        if parameter.numel() > 1000:
            moved = (parameter - before[name]).std() / before[name].std()
            assert moved.item() == pytest.approx(0.1, rel=0.1)
