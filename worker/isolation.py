"""What is fresh for every run of a submission: a process of one sandbox, or a sandbox of its own."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Protocol

from core.lifecycle import Verdict
from worker.runner import FinishedRun, SubmissionInput, SubmissionRunner
from worker.sandboxes import Limits, Sandbox


class Runner(Protocol):
    """Runs one submission again and again."""

    @property
    def sandbox(self) -> str:
        """What the newest run ran in; see `Channel.identity`."""

    def run_each(self, seeds: Iterable[int]) -> Iterator[FinishedRun]:
        """Run the submission once for each seed, in order, until a run is not ok.

        The next seed is taken from `seeds` when a run has ended, and before it is among the finished.

        Raises:
            PlatformError: a sandbox did not come up.
        """


class FreshSandboxes:
    """Runs one submission, each time in a sandbox of its own; see `Runner`."""

    def __init__(
        self,
        sandbox: Sandbox,
        submission: SubmissionInput,
        limits: Limits,
        *,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._open = partial(open_runner, sandbox, submission, limits, check=check)
        self.sandbox = sandbox.name

    def run_each(self, seeds: Iterable[int]) -> Iterator[FinishedRun]:
        """Run the submission once for each seed; see `Runner.run_each`."""
        before: FinishedRun | None = None
        for seed in seeds:
            if before is not None:
                yield before
            with self._open() as runner:
                self.sandbox = runner.sandbox
                before = FinishedRun(seed, runner.run(seed))
            if before.outcome.verdict is not Verdict.OK:
                break
        if before is not None:
            yield before


@contextmanager
def open_runner(
    sandbox: Sandbox,
    submission: SubmissionInput,
    limits: Limits,
    *,
    check: Callable[[], None] = lambda: None,
) -> Iterator[SubmissionRunner]:
    """Open a sandbox for a submission, and close it at the end; `check` as for `SubmissionRunner`.

    Raises:
        PlatformError: it did not come up.
    """
    with closing(sandbox.open(limits)) as channel:
        runner = SubmissionRunner(channel, submission, limits, check=check)
        runner.start()
        yield runner
