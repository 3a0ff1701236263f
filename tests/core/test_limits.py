"""The limits of a phase: seconds that were asked for, or a share of the time of a retraining."""

import pytest

from core.limits import PhaseLimits, limits_of
from core.models import Phase


@pytest.mark.parametrize(
    ("asked", "retraining_s", "expected"),
    [
        ({}, None, None),
        ({}, 300.0, 60.0),
        ({}, 20.0, 10.0),
        ({"run_timeout_share": 1.5}, 300.0, 450.0),
        ({"run_timeout_s": 3.0}, None, 3.0),
        ({"run_timeout_s": 3.0, "run_timeout_share": 1.5}, 300.0, 3.0),
        ({"run_timeout_s": 600.0}, 20.0, 600.0),
    ],
)
def test_run_timeout_is_what_was_asked_for_or_a_share(
    asked: dict[str, float], retraining_s: float | None, expected: float | None
) -> None:
    phase = Phase(limits=PhaseLimits(**asked).model_dump(), retraining_s=retraining_s)
    assert limits_of(phase).run_timeout_s == expected


@pytest.mark.parametrize(
    "wrong", [{"run_timeout_s": 0}, {"run_timeout_share": 0}, {"run_timeout_share": float("inf")}]
)
def test_limits_out_of_range_raise(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="run_timeout"):
        PhaseLimits(**wrong)
