"""Words with a fixed meaning: states, verdicts, kinds of work; and legal changes of state."""

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


class ParticipantState(StrEnum):
    """Whether somebody may take part in a competition; a ban ends it."""

    PENDING = "pending"
    APPROVED = "approved"
    BANNED = "banned"


class BoardRule(StrEnum):
    """Which submission of a team ranks: its best, its last that finished, or the best that it selected."""

    BEST = "best"
    LAST = "last"
    SELECTED = "selected"


class BoardVisibility(StrEnum):
    """What participants see of a leaderboard until its results are published: all, their own row, nothing."""

    PUBLIC = "public"
    OWN = "own"
    HIDDEN = "hidden"


class TokenPurpose(StrEnum):
    """What a token in a mail is good for."""

    CONFIRM_EMAIL = "confirm_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105  # a word, no password


class Work(StrEnum):
    """What a shard asks a worker to do."""

    PREPARATION = "preparation"
    REFERENCES = "references"
    BASELINES = "baselines"
    RUNS = "runs"
    SCORING = "scoring"
    RESCORING = "rescoring"


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
