"""What competition.yaml may say of a phase's models: exactly what a worker can make them of."""

import math
from dataclasses import asdict
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from core.bundle.plan import Dataset, DrawnFaces, Network, Training
from faces.synthetic import SyntheticFaces
from submissions_sandbox.architectures import Architecture
from training.plan import Plan
from training.recipe import Recipe

_KINDS = [(DrawnFaces, SyntheticFaces()), (Network, Architecture()), (Training, Recipe())]
_ODD = [0, 1, 2, -1, 9, 10, 11, 34, 400, 0.5, 1.0, 1e-300, math.inf, math.nan, True, False, None, [], {}]
_WORDS = ["epoch", "step", "resnet18", "resnet50", "1"]


@pytest.mark.parametrize(("said", "made"), _KINDS)
def test_what_is_left_out_means_the_same_to_a_worker(said: Any, made: Any) -> None:
    defaults = {name: field.default for name, field in said.model_fields.items() if name != "kind"}
    assert defaults == asdict(made)


@pytest.mark.parametrize(("said", "made"), _KINDS)
def test_a_plan_is_refused_exactly_where_a_worker_would_refuse_it(said: Any, made: Any) -> None:
    part = {DrawnFaces: "dataset", Network: "architecture", Training: "recipe"}[said]
    kind = {"kind": "synthetic"} if said is DrawnFaces else {}
    for key in (*asdict(made), "unknown"):
        for value in (*_ODD, *_WORDS):
            values = {**kind, key: value}
            plan = {"dataset": {"kind": "synthetic"}, "architecture": {}, "recipe": {}, part: values}
            assert _is_taken(said, values) == _works(plan), values


@pytest.mark.parametrize("kind", [{}, {"kind": "real"}, {"kind": None}])
def test_dataset_of_no_known_kind_is_refused(kind: dict[str, Any]) -> None:
    assert not _is_taken(Dataset, kind)
    assert not _works({"dataset": kind, "architecture": {}, "recipe": {}})


def _is_taken(said: Any, values: dict[str, Any]) -> bool:
    try:
        TypeAdapter(said).validate_python(values, strict=True)
    except ValidationError:
        return False
    return True


def _works(plan: dict[str, Any]) -> bool:
    try:
        Plan.read(**plan)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("recipe", "n_retain", "least"),
    [({}, 1, 2), ({}, 2, None), ({"drop_last": True}, 63, 64), ({"drop_last": True}, 64, None)],
)
def test_too_few_images_for_a_recipe_are_told(
    recipe: dict[str, Any], n_retain: int, least: int | None
) -> None:
    problem = Training(**recipe).problem_with(n_retain)
    assert (problem is None) == (least is None)
    assert problem is None or problem.endswith(f"at least {least}")
    assert Recipe(**recipe).least_images == (least or n_retain)
