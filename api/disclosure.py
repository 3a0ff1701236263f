"""What may be shown of runs and scores: nothing of the platform, of a hidden phase no participant bytes."""

from collections.abc import Sequence
from datetime import datetime

from core.inert import inert
from core.lifecycle import ENDED, SubmissionState, Verdict
from core.models import Phase, Run, Submission

_WORDS = {
    Verdict.OK: "",
    Verdict.INVALID_SUBMISSION: "The submission could not be loaded.",
    Verdict.TIMEOUT: "The time limit was reached.",
    Verdict.OUT_OF_MEMORY: "The memory limit was reached.",
    Verdict.NONZERO_EXIT: "The function failed.",
    Verdict.INVALID_OUTPUT: "The weights that came back are not valid.",
    Verdict.LOG_LIMIT: "The log limit was reached.",
    Verdict.PLATFORM_ERROR: "Lethe could not run this submission. It does not count; upload it again later.",
}


def submission_message(submission: Submission, failed_run: Run | None) -> str:
    """Return how the submission ended, in words that its owner may read; empty while it has not failed."""
    verdict = submission.verdict
    if verdict is None or verdict is Verdict.PLATFORM_ERROR:
        return "" if verdict is None else _WORDS[verdict]
    if submission.phase.show_logs:
        return submission.message
    return _WORDS[verdict] if failed_run is None else f"Run {failed_run.run_index}: {_WORDS[verdict]}"


def runs_done(submission: Submission, n_ended: int) -> int:
    """Return how many runs have ended; in a hidden phase all or none, since their pace can carry data."""
    if submission.phase.show_logs:
        return n_ended
    return submission.phase.n_models if submission.state is SubmissionState.FINISHED else 0


def runs(submission: Submission, ended: Sequence[Run]) -> Sequence[Run]:
    """Return the runs that may be listed: in a hidden phase only one that failed, once all has ended."""
    if submission.phase.show_logs:
        return ended
    return [run for run in ended if run.verdict is not Verdict.OK and submission.state in ENDED]


def moment(phase: Phase, time: datetime | None) -> datetime | None:
    """Return when a submission started or ended, or None in a hidden phase."""
    return time if phase.show_logs else None


def run_message(phase: Phase, run: Run) -> str:
    """Return how a run ended, in words that the owner of its submission may read."""
    shown = phase.show_logs and run.verdict is not Verdict.PLATFORM_ERROR
    return run.message if shown else _WORDS[run.verdict]


def run_log(phase: Phase, run: Run) -> str | None:
    """Return what a run printed, or None where the phase shows no logs."""
    return run.log if phase.show_logs else None


def log_text(submission: Submission, ended: Sequence[Run]) -> str:
    """Return what may be shown of a submission's logs as one inert text, run after run."""
    parts = []
    for run in runs(submission, ended):
        log = inert(run_log(submission.phase, run) or "")
        parts.append(
            f"== run {run.run_index}: {run.verdict} ==\n{log}" + ("\n" if log[-1:] not in ("", "\n") else "")
        )
    return "".join(parts)


def run_seconds(phase: Phase, run: Run) -> float | None:
    """Return how long a run took in seconds, or None in a hidden phase: durations can carry hidden data."""
    return run.seconds if phase.show_logs else None
