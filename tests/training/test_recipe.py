import json
from typing import get_type_hints

import pytest

from training.recipe import Recipe


def test_defaults_are_the_challenges_recipe():
    assert Recipe().to_dict() == {
        "epochs": 30,
        "batch_size": 64,
        "learning_rate": 1e-4,
        "weight_decay": 5e-3,
        "drop_last": False,
        "cosine": "epoch",
        "class_weights": True,
    }


def test_recipe_survives_json():
    recipe = Recipe(epochs=7, learning_rate=2e-3, weight_decay=0, cosine="step")
    assert Recipe(**json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", 7.0),
        ("epochs", True),
        ("batch_size", 1),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("learning_rate", "1e-4"),
        ("weight_decay", -1.0),
        ("weight_decay", float("inf")),
        ("drop_last", 1),
        ("cosine", "never"),
        ("cosine", ["epoch"]),
        ("class_weights", None),
    ],
)
def test_value_out_of_range_is_refused_by_name(field, value):
    assert field in get_type_hints(Recipe)
    with pytest.raises(ValueError, match=f"recipe {field} must be"):
        Recipe(**{field: value})
