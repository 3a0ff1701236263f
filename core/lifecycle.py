"""The states of submissions, phases and worker hosts, the verdicts of a run, and legal changes of state."""

from enum import StrEnum

from core.errors import IllegalTransitionError


class SubmissionState(StrEnum):
    """Where a submission stands on its walk."""

    UPLOADED = "uploaded"
    QUEUED = "queued"
    RUNNING = "running"
    SCORING = "scoring"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Verdict(StrEnum):
    """How a run, or a whole submission, ended."""

    OK = "ok"
    INVALID_SUBMISSION = "invalid_submission"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    NONZERO_EXIT = "nonzero_exit"
    INVALID_OUTPUT = "invalid_output"
    LOG_LIMIT = "log_limit"
    PLATFORM_ERROR = "platform_error"


class PhaseState(StrEnum):
    """Whether a phase's original and reference models exist yet."""

    PREPARING = "preparing"
    READY = "ready"
    BROKEN = "broken"


class NodeState(StrEnum):
    """Whether a worker host takes work."""

    PROVING = "proving"
    READY = "ready"
    REFUSING = "refusing"


ENDED = frozenset({SubmissionState.FINISHED, SubmissionState.FAILED, SubmissionState.CANCELLED})

_LEGAL: dict[SubmissionState, frozenset[SubmissionState]] = {
    SubmissionState.UPLOADED: frozenset({SubmissionState.QUEUED, SubmissionState.CANCELLED}),
    SubmissionState.QUEUED: frozenset(
        {SubmissionState.RUNNING, SubmissionState.FAILED, SubmissionState.CANCELLED}
    ),
    SubmissionState.RUNNING: frozenset(
        {SubmissionState.SCORING, SubmissionState.FAILED, SubmissionState.CANCELLED}
    ),
    SubmissionState.SCORING: frozenset({SubmissionState.FINISHED, SubmissionState.FAILED}),
    SubmissionState.FINISHED: frozenset(),
    SubmissionState.FAILED: frozenset(),
    SubmissionState.CANCELLED: frozenset(),
}


def check_transition(current: SubmissionState, target: SubmissionState) -> None:
    """Raise `IllegalTransitionError` unless a submission may go from `current` to `target`."""
    if target not in _LEGAL[current]:
        raise IllegalTransitionError(f"a submission cannot go from {current} to {target}")
