"""The artifact: what goes in comes out to the last bit, and nothing that does not fit goes in."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring import artifact_file, logit_scaled_confidence, score
from scoring.artifact import Artifact, ArtifactError, Labels, ModelSet, Provenance

N_MODELS, N_CLASSES = 4, 5
SIZES = {"forget": 6, "retain": 3, "test": 2}


def model_set(seed, *, n_models=N_MODELS, n_classes=N_CLASSES, **sizes):
    generator = np.random.default_rng(seed)
    logits = {
        f"{sample}_logits": generator.normal(size=(n_models, n, n_classes)).astype(np.float32)
        for sample, n in (SIZES | sizes).items()
    }
    accuracies = generator.uniform(size=(2, n_models))
    return ModelSet(**logits, retain_accuracies=accuracies[0], test_accuracies=accuracies[1])


def labels(**sizes):
    generator = np.random.default_rng(9)
    return Labels(**{name: generator.integers(0, N_CLASSES, n) for name, n in (SIZES | sizes).items()})


PROVENANCE = Provenance(
    bundle_sha256="a" * 64,
    architecture={"name": "resnet18", "width": 4, "n_classes": N_CLASSES},
    code_sha256="b" * 64,
    sandboxes=("docker:sha256:12", "bubblewrap"),
    evaluator_version="2",
    scoring_version="neurips2023-1",
)


def artifact(**changes):
    content = {
        "unlearned": model_set(1),
        "reference": model_set(2),
        "ceiling": model_set(3),
        "original": model_set(4, n_models=1),
        "labels": labels(),
        "seconds": np.linspace(0.0, 1 / 3, N_MODELS),
        "seed_fingerprints": ("ab", "cd", "ef", "ab"),
        "provenance": PROVENANCE,
    }
    return Artifact(**content | changes)


DATA = artifact().to_bytes()


def same(one, other):
    """Say whether two artifacts, or parts of them, are equal to the last bit."""
    if dataclasses.is_dataclass(one):
        fields = [field.name for field in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, f), getattr(other, f)) for f in fields)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return one == other


@pytest.mark.parametrize("absent", [(), ("ceiling",), ("original",), ("ceiling", "original")])
def test_artifact_survives_its_bytes_bit_for_bit(absent):
    written = artifact(**dict.fromkeys(absent))
    written.unlearned.forget_logits[0, 0, :3] = [-0.0, 1e-45, -3.4e38]
    data = written.to_bytes()
    read = Artifact.from_bytes(data)
    assert same(read, written)
    assert read.to_bytes() == data


def test_artifact_of_strided_arrays_is_written_in_their_order():
    strided = {
        field.name: np.asfortranarray(getattr(model_set(1), field.name))
        for field in dataclasses.fields(ModelSet)
    }
    assert artifact(unlearned=ModelSet(**strided), seconds=np.linspace(0.0, 1 / 3, 4)).to_bytes() == DATA


def test_artifact_that_was_read_scores_as_the_one_that_was_written():
    written, read = artifact(), Artifact.from_bytes(DATA)
    scores = [
        score(a.unlearned.measurements(a.labels.forget), a.reference.measurements(a.labels.forget))
        for a in (written, read)
    ]
    assert same(*scores)
    assert scores[0].n_models == N_MODELS


def test_measurements_are_the_confidences_of_the_forget_set_and_the_accuracies():
    models = model_set(1)
    measured = models.measurements(labels().forget)
    confidences = logit_scaled_confidence(models.forget_logits, labels().forget)
    np.testing.assert_array_equal(measured.confidences, confidences)
    np.testing.assert_array_equal(measured.retain_accuracies, models.retain_accuracies)
    np.testing.assert_array_equal(measured.test_accuracies, models.test_accuracies)


@given(st.integers(0, 8 * len(DATA) - 1))
def test_flipped_bit_anywhere_is_refused(position):
    damaged = bytearray(DATA)
    damaged[position // 8] ^= 1 << position % 8
    with pytest.raises(ArtifactError):
        Artifact.from_bytes(bytes(damaged))


@given(st.integers(0, len(DATA) - 1))
def test_file_cut_short_anywhere_is_refused(length):
    with pytest.raises(ArtifactError, match=f"it has {length} bytes|file has {length} bytes"):
        Artifact.from_bytes(DATA[:length])


FORGET = (N_MODELS, 6, N_CLASSES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"forget_logits": np.zeros(FORGET, np.float16)},
            "forget_logits must be float32 [n_models, n_examples, n_classes] and not empty, "
            "but is float16 [4, 6, 5]",
        ),
        ({"forget_logits": np.zeros(FORGET)}, "but is float64 [4, 6, 5]"),
        ({"forget_logits": np.zeros(FORGET, ">f4")}, "but is >f4 [4, 6, 5]"),
        ({"forget_logits": np.zeros((4, 6), np.float32)}, "but is float32 [4, 6]"),
        ({"forget_logits": np.zeros((4, 0, 5), np.float32)}, "but is float32 [4, 0, 5]"),
        ({"forget_logits": np.zeros((0, 6, 5), np.float32)}, "but is float32 [0, 6, 5]"),
        (
            {"retain_logits": np.zeros((3, 3, 5), np.float32)},
            "retain_logits must be float32 [n_models=4, n_examples, n_classes=5] and not empty, "
            "but is float32 [3, 3, 5]",
        ),
        ({"test_logits": np.zeros((4, 2, 6), np.float32)}, "test_logits must be float32 [n_models=4"),
        ({"test_logits": np.zeros((4, 0, 5), np.float32)}, "but is float32 [4, 0, 5]"),
        (
            {"retain_accuracies": np.zeros(3)},
            "must be float64 [n_models=4] and not empty, but is float64 [3]",
        ),
        ({"test_accuracies": np.zeros(4, np.float32)}, "test_accuracies must be float64 [n_models=4]"),
        (
            {"test_accuracies": np.array([0, 1, 1.5, -1])},
            "test_accuracies[2] is 1.5, not a fraction of 0..1 (2",
        ),
        ({"retain_accuracies": np.array([0, 1, np.nan, 0])}, "retain_accuracies[2] is nan, not a fraction"),
    ],
)
def test_models_that_do_not_fit_are_refused_with_expected_and_found(changes, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        dataclasses.replace(model_set(1), **changes)


@pytest.mark.parametrize("name", ["forget_logits", "retain_logits", "test_logits"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logit_that_is_not_finite_is_refused_with_its_place(name, bad):
    logits = getattr(model_set(1), name)
    logits[3, 1, 4] = bad
    with pytest.raises(
        ArtifactError, match=re.escape(f"{name}[3, 1, 4] is {bad}, not a finite number (1 such")
    ):
        dataclasses.replace(model_set(1), **{name: logits})


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("bad", [np.zeros(2, np.int32), np.zeros((2, 1), np.int64), np.zeros(0, np.int64)])
def test_labels_of_another_kind_are_refused(name, bad):
    with pytest.raises(ArtifactError, match=rf"labels\.{name} must be int64 \[n_examples\] and not empty"):
        dataclasses.replace(labels(), **{name: bad})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code_sha256": None}, "the code_sha256 must be a printable text, not None"),
        ({"bundle_sha256": b"a"}, "the bundle_sha256 must be a printable text, not b'a'"),
        ({"evaluator_version": 2}, "the evaluator_version must be a printable text, not 2"),
        ({"scoring_version": 1}, "the scoring_version must be a printable text, not 1"),
        ({"sandboxes": "docker"}, "the sandboxes must be texts in a tuple, not 'docker'"),
        ({"sandboxes": ("\x1b[2J",)}, r"each of the sandboxes must be a printable text, not '\x1b[2J'"),
        ({"sandboxes": ("\ud800",)}, "each of the sandboxes must be a printable text"),
        ({"architecture": {"a": [[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]}}, "nested more than 20 deep"),
        ({"sandboxes": (1,)}, "each of the sandboxes must be a printable text, not 1"),
        ({"architecture": [1]}, "the architecture is no JSON object: [1]"),
        ({"architecture": {"shape": (1, 2)}}, "the architecture is no JSON object"),
        ({"architecture": {1: 2}}, "the architecture is no JSON object"),
        ({"architecture": {"width": np.float32(4)}}, "the architecture cannot be written as JSON"),
        ({"architecture": {"rate": np.nan}}, "the architecture cannot be written as JSON"),
    ],
)
def test_provenance_that_would_not_survive_is_refused(changes, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        dataclasses.replace(PROVENANCE, **changes)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"reference": model_set(2, n_models=3)},
            "reference.forget_logits must be float32 [n_models=4, n_labels=6, n_classes=5] and not empty, "
            "but is float32 [3, 6, 5]",
        ),
        ({"reference": model_set(2, n_classes=6)}, "but is float32 [4, 6, 6]"),
        ({"ceiling": model_set(2, n_models=5)}, "ceiling.forget_logits must be float32 [n_models=4"),
        ({"ceiling": model_set(2, test=3)}, "ceiling.test_logits must be float32 [n_models=4, n_labels=2"),
        ({"original": model_set(2, n_models=4)}, "original.forget_logits must be float32 [n_models=1"),
        ({"labels": labels(forget=7)}, "unlearned.forget_logits must be float32 [n_models=4, n_labels=7"),
        ({"labels": labels(retain=4)}, "unlearned.retain_logits must be float32 [n_models=4, n_labels=4"),
        ({"seconds": np.zeros(3)}, "seconds must be float64 [n_models=4] and not empty, but is float64 [3]"),
        ({"seconds": np.zeros(4, np.float32)}, "but is float32 [4]"),
        (
            {"seconds": np.array([0, 1, np.inf, 0])},
            "seconds[2] is inf, not a number of 0..1e+09 (1 such",
        ),
        ({"seconds": np.array([0, -1.0, 1, 0])}, "seconds[1] is -1.0, not a number of 0..1e+09"),
        ({"seed_fingerprints": ("a", "b", "c")}, "3 seed fingerprints for 4 models"),
        ({"seed_fingerprints": ["a"] * 4}, "the seed_fingerprints must be texts in a tuple"),
        (
            {"seed_fingerprints": (1, 2, 3, 4)},
            "each of the seed_fingerprints must be a printable text, not 1",
        ),
    ],
)
def test_counts_that_disagree_are_refused_with_both(changes, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        artifact(**changes)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("bad", [-1, N_CLASSES])
def test_label_that_is_no_class_is_refused_with_its_place(name, bad):
    wrong = labels()
    getattr(wrong, name)[1] = bad
    with pytest.raises(
        ArtifactError, match=re.escape(f"labels.{name}[1] is {bad}, not a class of 0..4 (1 such")
    ):
        artifact(labels=wrong)


def written_with(*, arrays=None, facts=None):
    """The file of an artifact with other arrays or facts (None takes one away), and right sha256s."""
    content = artifact_file.read(DATA)
    arrays, facts = content.arrays | (arrays or {}), content.facts | (facts or {})
    kept = ({name: value for name, value in part.items() if value is not None} for part in (arrays, facts))
    return artifact_file.write(artifact_file.Content(*kept))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"seconds": None}, "the array seconds is missing"),
        ({"labels.test": None}, "the array labels.test is missing"),
        ({"reference.test_logits": None}, "the array reference.test_logits is missing"),
        ({"ceiling.test_logits": None}, "the array ceiling.test_logits is missing"),
        ({"original.test_accuracies": None}, "the array original.test_accuracies is missing"),
        ({"weights": np.zeros(3)}, "the array 'weights' does not belong in an artifact"),
        ({"reference.weights": np.zeros(3)}, "the array 'reference.weights' does not belong"),
        ({"unlearned.forget_logits": np.zeros(FORGET)}, "unlearned.forget_logits must be float32"),
        (
            {"reference.test_accuracies": np.zeros(3)},
            "reference.test_accuracies must be float64 [n_models=4]",
        ),
        ({"ceiling.retain_accuracies": np.full(4, np.nan)}, "ceiling.retain_accuracies[0] is nan"),
        ({"labels.retain": np.array([0, 1, 9])}, "labels.retain[2] is 9, not a class of 0..4"),
        ({"seconds": np.zeros(3)}, "seconds must be float64 [n_models=4]"),
    ],
)
def test_file_whose_arrays_are_wrong_is_refused_in_words(arrays, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        Artifact.from_bytes(written_with(arrays=arrays))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"provenance": None}, "the fact provenance is missing"),
        ({"seed_fingerprints": None}, "the fact seed_fingerprints is missing"),
        ({"more": 1}, "the fact 'more' does not belong in an artifact"),
        ({"seed_fingerprints": ["a", "b", "c"]}, "3 seed fingerprints for 4 models"),
        ({"seed_fingerprints": "abcd"}, "the seed_fingerprints must be texts"),
        ({"seed_fingerprints": ["a", "b", "c", 1]}, "each of the seed_fingerprints must be a printable text"),
        ({"provenance": []}, "the provenance must be an object, not []"),
        ({"provenance": {}}, "the provenance's architecture is missing"),
        ({"provenance": vars(PROVENANCE) | {"gpu": 1}}, "the provenance's 'gpu' does not belong"),
        ({"provenance": vars(PROVENANCE) | {"sandboxes": "docker"}}, "the sandboxes must be texts"),
        ({"provenance": vars(PROVENANCE) | {"code_sha256": 1}}, "the code_sha256 must be a printable text"),
        ({"provenance": vars(PROVENANCE) | {"architecture": 1}}, "the architecture is no JSON object"),
    ],
)
def test_file_whose_facts_are_wrong_is_refused_in_words(facts, words):
    with pytest.raises(ArtifactError, match=re.escape(words)):
        Artifact.from_bytes(written_with(facts=facts))
