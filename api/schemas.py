"""The shapes of the API's answers."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api import disclosure
from core.lifecycle import BoardRule, BoardVisibility, PhaseState, SubmissionState, Verdict
from core.limits import PhaseLimits, limits_of
from core.models import Baseline, Competition, Phase, Run, Score, Submission
from core.quotas import Quotas
from core.references import Progress
from core.visibility import Viewer, rounded, shows_own_score


class Answer(BaseModel):
    """What every answer has in common: it is read from a stored row, and does not change."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="The part of the request: `body`, `query`, `header`, `cookie` or `path`.")
    pointer: str = Field(
        description="The place in that part, as a JSON pointer (RFC 6901); empty: all of it."
    )
    detail: str


class Problem(BaseModel):
    """What went wrong with a request, as RFC 9457 has it."""

    type: str = Field(description="A URN that names the kind of problem, or `about:blank`.")
    title: str
    status: int
    detail: str
    instance: str | None = Field(default=None, description="Names this event in the operator's log.")
    errors: list[Fault] | None = Field(
        default=None, description="What is wrong, of a request of a wrong form."
    )


class PhaseSummary(Answer):
    """A phase in the list of competitions."""

    slug: str
    title: str
    description: str
    state: PhaseState
    n_models: int
    opens_at: datetime
    closes_at: datetime | None = Field(description="From then on it takes no submissions; null: never.")
    uploads: bool = Field(description="Whether participants submit to it.")
    auto_migrate: bool = Field(description="Whether it takes what teams selected in the phase before.")
    max_selected: int = Field(description="How many submissions a team may select in it.")
    quotas: Quotas
    board_rule: BoardRule = Field(description="Which submission of a team ranks.")
    board_visibility: BoardVisibility = Field(
        description="What is seen of the ranking until it is published."
    )
    published_at: datetime | None = Field(description="When its results were; null: not yet.")


class CompetitionAnswer(Answer):
    """A competition and its phases, in the order in which they are run."""

    slug: str
    title: str
    description: str
    published: bool = Field(description="One that is not is seen by its organizers alone.")
    approves_participants: bool = Field(description="Whether an organizer lets each participant in.")
    max_team_size: int
    team_deadline: datetime | None = Field(description="Until then teams may change; null: always.")
    phases: list[PhaseSummary]

    @classmethod
    def of(cls, competition: Competition) -> Self:
        """Describe a stored competition."""
        return cls.model_validate(competition)


class PageAnswer(Answer):
    """A page of a competition."""

    title: str
    content: str = Field(description="Markdown.")


class CompetitionDetail(CompetitionAnswer):
    """A competition with its texts."""

    terms: str = Field(description="Markdown; what participants accept when they join.")
    pages: list[PageAnswer]
    image_sha256: str | None = Field(description="Hash of the logo, which is at `/logo`; null: none.")
    winners: list[dict[str, Any]] = Field(
        validation_alias="shown_winners", description="As announced, while results are published."
    )


class CompetitionList(Answer):
    """All competitions, newest first."""

    competitions: list[CompetitionAnswer]


class Preparation(Answer):
    """How many of the phase's own models are trained."""

    done: int
    total: int


class PhaseAnswer(PhaseSummary):
    """A phase, its limits, and whether it takes submissions now."""

    competition: str
    limits: PhaseLimits
    scoring_version: str = Field(description="The version of the metric that ranks.")
    show_logs: bool = Field(description="Whether owners see what their submissions printed.")
    score_decimals: int | None = Field(description="Decimals of every score shown; null: all.")
    preparation: Preparation
    accepting: bool
    reason: str | None = Field(description="Why it takes no submissions now; null while it does.")

    @classmethod
    def of(cls, phase: Phase, *, progress: Progress, closed_because: str | None) -> Self:
        """Describe a stored phase."""
        return cls(
            **PhaseSummary.model_validate(phase).model_dump(),
            competition=phase.competition.slug,
            limits=limits_of(phase),
            scoring_version=phase.scoring_version,
            show_logs=phase.show_logs,
            score_decimals=phase.score_decimals,
            preparation=Preparation(done=progress.done, total=progress.total),
            accepting=closed_because is None,
            reason=closed_because,
        )


class Numbers(Answer):
    """What a set of unlearned models earned; everything rises when better.

    `_low` and `_high` are the ends of 95 % intervals; null for scores of before there were any.
    """

    scoring_version: str
    final_score: float = Field(description="forgetting_quality · retain_ratio · test_ratio.")
    final_score_low: float | None
    final_score_high: float | None
    forgetting_quality: float = Field(description="0 … 1; 1: not told apart from retrained models.")
    forgetting_quality_low: float | None
    forgetting_quality_high: float | None
    retain_ratio: float = Field(description="retain_accuracy over that of the reference models.")
    test_ratio: float = Field(description="test_accuracy over that of the reference models.")
    retain_accuracy: float = Field(description="0 … 1, mean over the models.")
    test_accuracy: float = Field(description="0 … 1, mean over the models.")
    n_models: int

    @classmethod
    def of(cls, phase: Phase, score: Score | Baseline) -> Self:
        """Describe a stored score, as far as the phase allows: the only way for one to those outside."""
        exact = cls.model_validate(score)
        return exact.model_copy(
            update={name: rounded(phase, number) for name, number in exact if isinstance(number, float)}
        )


class SubmissionAnswer(Answer):
    """A submission, as its owner sees it."""

    id: UUID
    competition: str
    phase: str
    filename: str
    sha256: str
    size_bytes: int
    state: SubmissionState
    verdict: Verdict | None
    message: str
    warnings: list[str] = Field(description="What its upload was read as, and what looks doubtful in it.")
    runs_done: int = Field(description="In a hidden phase 0 until the submission has finished.")
    n_models: int
    score: Numbers | None = Field(description="Null too while the phase hides its leaderboard.")
    team: str
    submitter: str = Field(description="Who of the team uploaded it.")
    selected: bool = Field(description="Whether the team selected it.")
    superseded: bool = Field(description="Whether a rerun has taken its place.")
    rerun_of: UUID | None = Field(description="The submission that organizers had run again as this one.")
    origin: UUID | None = Field(description="The submission of an earlier phase that this one came from.")
    disqualified: str | None = Field(description="Why it is disqualified; null if it is not.")
    created_at: datetime
    started_at: datetime | None = Field(description="Null in a hidden phase.")
    ended_at: datetime | None = Field(description="Null in a hidden phase.")

    @classmethod
    def of(
        cls,
        submission: Submission,
        *,
        viewer: Viewer,
        n_ended: int,
        failed_run: Run | None,
        score: Score | None,
    ) -> Self:
        """Describe a stored submission, as far as its phase allows; `n_ended` of its runs have ended."""
        shown = score if shows_own_score(submission.phase, viewer) else None
        return cls(
            id=submission.id,
            competition=submission.phase.competition.slug,
            phase=submission.phase.slug,
            filename=submission.filename,
            sha256=submission.source_sha256,
            size_bytes=submission.size_bytes,
            state=submission.state,
            verdict=submission.verdict,
            message=disclosure.submission_message(submission, failed_run),
            warnings=submission.warnings,
            runs_done=disclosure.runs_done(submission, n_ended),
            n_models=submission.phase.n_models,
            score=None if shown is None else Numbers.of(submission.phase, shown),
            team=submission.team.name,
            submitter=submission.user.name,
            selected=submission.selected_at is not None,
            superseded=submission.superseded_at is not None,
            rerun_of=submission.rerun_of_id,
            origin=submission.origin_id,
            disqualified=None if submission.disqualified_at is None else submission.disqualified_reason,
            created_at=submission.created_at,
            started_at=disclosure.moment(submission.phase, submission.started_at),
            ended_at=disclosure.moment(submission.phase, submission.ended_at),
        )


class RunAnswer(Answer):
    """One ended run, as the owner of its submission sees it."""

    run_index: int
    verdict: Verdict
    seconds: float | None = Field(description="Null in a hidden phase.")
    message: str
    log: str | None = Field(description="What the run printed; null in a hidden phase.")

    @classmethod
    def of(cls, phase: Phase, run: Run) -> Self:
        """Describe a stored run, as far as the phase allows."""
        return cls(
            run_index=run.run_index,
            verdict=run.verdict,
            seconds=disclosure.run_seconds(phase, run),
            message=disclosure.run_message(phase, run),
            log=disclosure.run_log(phase, run),
        )


class RunList(Answer):
    """The runs of a submission that have ended, by index; in a hidden phase only one that failed."""

    n_models: int
    runs: list[RunAnswer]


CheckResult = Literal["ok", "failed"]


class Health(Answer):
    """The process is alive."""

    status: Literal["alive"] = "alive"


class Readiness(Answer):
    """Whether this process can do its work, and which of its surroundings fail."""

    ready: bool = Field(description="Without regard to workers: uploads are taken while none is there.")
    checks: dict[str, CheckResult]
    reasons: dict[str, str] = Field(description="Of each check that fails, what that means.")
