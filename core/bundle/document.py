"""What stands in a competition.yaml: Codabench's words where it has them, and ours beside."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

import scoring
from core.bundle.plan import Dataset, Network, Training
from core.bundle.spec import (
    MAX_PAGES,
    MAX_PHASES,
    Board,
    CompetitionRules,
    Image,
    NModels,
    PhaseRules,
    ScoringVersion,
    TitledPage,
    check_phases,
    check_titles,
    twice,
)
from core.bundle.values import Part, Slug, Summary, Title
from core.lifecycle import BoardRule, BoardVisibility

SUBMISSION_RULES = {
    "Force_Best": BoardRule.BEST,
    "Force_Last": BoardRule.LAST,
    "Add_And_Delete": BoardRule.SELECTED,
}
"""Codabench's words for what a team shows on a leaderboard, and ours."""

Index = Annotated[int, Field(ge=0, le=10_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
FilePath = Annotated[str, Field(min_length=1, max_length=200, description="Beside competition.yaml.")]


class PageDocument(TitledPage):
    """A page, whose text is a file in Markdown."""

    file: FilePath


class TaskDocument(Part):
    """What is to be unlearned: the faces, the network, how it is trained, how many models, which metric."""

    index: Index
    name: Title
    description: Summary = ""
    dataset: Dataset
    architecture: Network = Network()
    recipe: Training = Training()
    n_models: NModels
    scoring_version: ScoringVersion = scoring.SCORING_VERSION


class LeaderboardDocument(Part):
    """A leaderboard's rules; `submission_rule` and `hidden` are Codabench's words for two of ours."""

    title: Title | None = None
    key: Slug
    submission_rule: Literal["Force_Best", "Force_Last", "Add_And_Delete"] | None = None
    rule: BoardRule | None = None
    hidden: bool | None = Field(default=None, description="The same as a visibility of `hidden` or `public`.")
    visibility: BoardVisibility | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.rule and self.submission_rule and SUBMISSION_RULES[self.submission_rule] != self.rule:
            raise ValueError(
                f"rule {self.rule} and submission_rule {self.submission_rule} say different things"
            )
        both = self.hidden is not None and self.visibility is not None
        if both and self.hidden != (self.visibility is BoardVisibility.HIDDEN):
            raise ValueError(f"visibility {self.visibility} and hidden {self.hidden} say different things")
        return self

    def board(self) -> Board:
        """Return the leaderboard that this describes."""
        rule = SUBMISSION_RULES[self.submission_rule] if self.submission_rule else self.rule
        hidden = BoardVisibility.HIDDEN if self.hidden else BoardVisibility.PUBLIC
        return Board(
            key=self.key, title=self.title, rule=rule or BoardRule.BEST, visibility=self.visibility or hidden
        )


class InlineBoard(Part):
    """The leaderboard of one phase, without a name."""

    rule: BoardRule = BoardRule.BEST
    visibility: BoardVisibility = BoardVisibility.PUBLIC


class PhaseDocument(PhaseRules):
    """A phase: it names its task by `tasks: [index]`, or says itself what a task would."""

    index: Index | None = Field(
        default=None, description="Its place among the phases; by default as written."
    )
    tasks: list[Index] | None = Field(default=None, min_length=1, max_length=1)
    dataset: Dataset | None = None
    architecture: Network | None = None
    recipe: Training | None = None
    n_models: NModels | None = None
    scoring_version: ScoringVersion | None = None
    leaderboard: Slug | InlineBoard | None = Field(default=None, description="The key of one, or its rules.")
    max_submissions_per_day: Count | None = Field(default=None, description="The same as quotas.per_day.")
    max_submissions: Count | None = Field(default=None, description="The same as quotas.total.")
    hide_output: bool | None = Field(default=None, description="The opposite of show_logs.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        faults = [*self._faults_of_task(), *self._faults_of_quotas()]
        if "show_logs" in self.model_fields_set and self.hide_output == self.show_logs:
            faults.append("show_logs and hide_output say different things")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults_of_task(self) -> list[str]:
        own = {key: getattr(self, key) for key in TASK_KEYS}
        given = [key for key, value in own.items() if value is not None]
        if self.tasks is not None and given:
            return [f"{', '.join(given)} belong to the task that the phase names"]
        missing = [key for key in ("dataset", "n_models") if own[key] is None]
        if self.tasks is None and missing:
            return [
                f"{' and '.join(missing)} must be there, or the phase must name a task by `tasks: [index]`"
            ]
        return []

    def _faults_of_quotas(self) -> list[str]:
        pairs = {
            ("quotas.per_day", "max_submissions_per_day"): (
                self.quotas.per_day,
                self.max_submissions_per_day,
            ),
            ("quotas.total", "max_submissions"): (self.quotas.total, self.max_submissions),
        }
        return [
            f"{ours} is {our_value} and {theirs} is {their_value}, though they are the same thing"
            for (ours, theirs), (our_value, their_value) in pairs.items()
            if None not in {our_value, their_value} and our_value != their_value
        ]


TASK_KEYS = ("dataset", "architecture", "recipe", "n_models", "scoring_version")


def in_order(phases: list[PhaseDocument]) -> list[PhaseDocument]:
    """Return phases by their indices, or as written if they have none."""
    return sorted(phases, key=lambda phase: phase.index or 0)


def _check_order(phases: list[PhaseDocument]) -> list[PhaseDocument]:
    """Return the phases as written, so that faults are told by the place where they stand."""
    indices = [phase.index for phase in phases]
    if any(index is None for index in indices) and any(index is not None for index in indices):
        raise ValueError("either every phase has an index or none has")
    if None not in indices and twice(indices):
        raise ValueError(f"two phases have the index {twice(indices)[0]}")
    check_phases(in_order(phases))
    return phases


class CompetitionDocument(CompetitionRules):
    """A competition.yaml: docs.codabench.org has the first of its words, docs/competitions.md all."""

    docker_image: Image | None = Field(default=None, description="The image of phases that name none.")
    image: FilePath | None = Field(default=None, description="The logo: PNG, JPEG or WebP, 1 MiB at most.")
    terms: FilePath | None = Field(default=None, description="What participants accept first, in Markdown.")
    pages: Annotated[list[PageDocument], Field(max_length=MAX_PAGES), AfterValidator(check_titles)] = Field(
        default_factory=list
    )
    tasks: list[TaskDocument] = Field(default_factory=list, max_length=MAX_PHASES)
    leaderboards: list[LeaderboardDocument] = Field(default_factory=list, max_length=MAX_PHASES)
    phases: Annotated[
        list[PhaseDocument], Field(min_length=1, max_length=MAX_PHASES), AfterValidator(_check_order)
    ]

    @model_validator(mode="after")
    def _names_lead_somewhere(self) -> Self:
        tasks, boards = [task.index for task in self.tasks], [board.key for board in self.leaderboards]
        faults = [f"two tasks have the index {index}" for index in twice(tasks)]
        faults += [f"two leaderboards have the key `{key}`" for key in twice(boards)]
        for phase in self.phases:
            where = f"phase `{phase.slug}`"
            faults += [
                f"{where}: there is no task {index}" for index in phase.tasks or () if index not in tasks
            ]
            if isinstance(phase.leaderboard, str) and phase.leaderboard not in boards:
                faults.append(f"{where}: there is no leaderboard `{phase.leaderboard}`")
        if faults:
            raise ValueError("; ".join(faults))
        return self
