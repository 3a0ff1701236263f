"""What a submission may use in a phase, and how its time limit follows from the time of a retraining."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.models import Phase

LEAST_RUN_TIMEOUT_S = 10.0
"""No share of a short retraining goes below it: a run also imports libraries and starts its loaders."""


class PhaseLimits(BaseModel):
    """What a submission may use in this phase.

    `run_timeout_s` is the time of one run; left out, it is `run_timeout_share` of the time that one
    retraining took on the phase's hardware, and at least `LEAST_RUN_TIMEOUT_S`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run_timeout_s: float | None = Field(default=None, gt=0)
    run_timeout_share: float = Field(default=0.2, gt=0, allow_inf_nan=False)
    total_timeout_s: float = Field(default=8 * 3600, gt=0)
    memory_bytes: int = Field(default=4 * 2**30, ge=256 * 2**20)
    processes: int = Field(default=256, ge=8)
    scratch_bytes: int = Field(default=256 * 2**20, ge=2**20)
    log_bytes: int = Field(default=64 * 2**10, ge=0)
    upload_bytes: int = Field(default=8 * 2**20, gt=0)
    device: Literal["cpu", "cuda"] = "cpu"
    isolation: Literal["process", "container"] = "process"  # what is fresh for every run


def limits_of(phase: Phase) -> PhaseLimits:
    """Return the limits that hold in a phase; `run_timeout_s` is None only until a retraining is measured."""
    asked = PhaseLimits.model_validate(phase.limits)
    if asked.run_timeout_s is not None or phase.retraining_s is None:
        return asked
    share_s = asked.run_timeout_share * phase.retraining_s
    return asked.model_copy(update={"run_timeout_s": max(share_s, LEAST_RUN_TIMEOUT_S)})
