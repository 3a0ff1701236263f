"""Age labelling: what the model learns is measured, written down, and can be computed again."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load

from faces.bundle import Bundle, Split, pack
from faces.folder import BundleFolder
from submissions_sandbox.architectures import Architecture, build
from tests.support.bundles import make_bundle, make_split, unlabelled
from training.labelling import AgeModel, LabellingError, label_faces, train_age_model
from training.recipe import Recipe
from training.threads import one_thread

EDGES = {"age_groups": {"youngest": 0, "oldest": 99, "edges": [10.0 * edge for edge in range(11)]}}
NETWORK = Architecture(width=4)
RECIPE = Recipe(epochs=5, batch_size=16, learning_rate=0.01)


def plain(split: Split) -> Split:
    """The same faces, each as bright as its age group: easy to learn."""
    brightness = (25 * split.age_group).astype(np.uint8)[:, None, None, None]
    return replace(split, images=split.images // 16 + brightness)


def as_folder(bundle: Bundle) -> BundleFolder:
    return BundleFolder(bundle, pack(bundle))


@pytest.fixture(scope="module")
def teacher() -> BundleFolder:
    """A labelled bundle of three easy age groups, 120 images to learn from."""
    three = {name: _three_groups(split) for name, split in make_bundle(n_retain=100).splits.items()}
    wrong = three["test"].age_group.copy()
    wrong[:6] = 1  # a group that the model never saw
    three["test"] = replace(three["test"], age_group=wrong)
    return as_folder(Bundle(**three, manifest={"licence": "x", "provenance": {}, **EDGES}))


def _three_groups(split: Split) -> Split:
    return plain(replace(split, age_group=4 * (split.age_group % 3)))


@pytest.fixture(scope="module")
def model(teacher: BundleFolder) -> AgeModel:
    """A tiny age model."""
    return train_age_model(teacher, architecture=NETWORK, recipe=RECIPE, seed=3)


def test_age_model_is_measured_on_the_test_set(teacher: BundleFolder, model: AgeModel) -> None:
    counts = np.bincount(teacher.bundle.test.age_group)
    assert (model.n_test, model.chance) == (30, counts.max() / 30)
    assert 0.7 <= model.accuracy <= 0.8  # nearly all but six of thirty
    assert not model.is_near_chance


def test_labels_name_the_model_and_its_teacher(teacher: BundleFolder, model: AgeModel) -> None:
    faces = unlabelled(teacher.bundle)
    labels = label_faces(faces, model).labels
    assert labels["kind"] == "model"
    assert labels["model"] == {
        "weights_sha256": hashlib.sha256(model.weights).hexdigest(),
        "architecture": NETWORK.to_dict(),
        "recipe": RECIPE.to_dict(),
        "seed": 3,
        "trained_on": hashlib.sha256(teacher.files.manifest).hexdigest(),
        "test_accuracy": model.accuracy,
        "chance_accuracy": model.chance,
    }


def test_labels_are_what_the_stored_weights_compute(teacher: BundleFolder, model: AgeModel) -> None:
    made = label_faces(unlabelled(teacher.bundle), model)
    net = build(NETWORK).eval()
    net.load_state_dict(load(model.weights))
    for name in ("forget", "test"):
        split = made.splits[name]
        with one_thread(), torch.inference_mode():
            probabilities = net(torch.from_numpy(split.images).float()).softmax(dim=1).numpy()
        assert np.array_equal(split.age_group, probabilities.argmax(axis=1))
        assert made.labels["confidence"][name] == pytest.approx(probabilities.max(axis=1), abs=1e-4)
        assert np.array_equal(split.image_id, teacher.bundle.splits[name].image_id)
        assert (split.age == -1).all()
    assert np.mean(made.test.age_group == teacher.bundle.test.age_group) == model.accuracy
    assert made.manifest["age_groups"] == EDGES["age_groups"]


def test_confidences_are_rounded_and_progress_counts_every_image(model: AgeModel) -> None:
    reported: list[int] = []
    made = label_faces(unlabelled(make_bundle()), model, report=reported.append)
    assert sum(reported) == 120
    confidences = [value for values in made.labels["confidence"].values() for value in values]
    assert all(value == round(value, 4) and 0.1 <= value <= 1 for value in confidences)


def test_model_of_noise_is_near_chance(model: AgeModel) -> None:
    assert replace(model, accuracy=model.chance + 0.1).is_near_chance
    assert not replace(model, accuracy=model.chance + 0.1, n_test=3000).is_near_chance


def test_bundle_that_cannot_teach_is_refused(teacher: BundleFolder) -> None:
    with pytest.raises(LabellingError, match="cannot learn age groups from a bundle that has none"):
        train_age_model(as_folder(unlabelled(teacher.bundle)), architecture=NETWORK, recipe=RECIPE, seed=0)
    tiny = replace(teacher.bundle, retain=make_split(1, 0), forget=make_split(1, 50))
    with pytest.raises(LabellingError, match="2 images are too few to train"):
        train_age_model(as_folder(tiny), architecture=NETWORK, recipe=Recipe(drop_last=True), seed=0)


def test_bundle_with_age_groups_is_not_labelled_anew(teacher: BundleFolder, model: AgeModel) -> None:
    with pytest.raises(LabellingError, match="has age groups already"):
        label_faces(teacher.bundle, model)
