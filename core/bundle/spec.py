"""A competition as it is defined, complete: what a bundle comes to, and what is stored."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

import scoring
from core.bundle.values import Part, Slug, Summary, Text, Time, Title
from core.lifecycle import BoardRule, BoardVisibility
from core.limits import PhaseLimits
from core.quotas import Quotas

LogoType = Literal["image/png", "image/jpeg", "image/webp"]


def _known_version(version: str) -> str:
    if version not in scoring.VERSIONS:
        raise ValueError(f"`{version}` is none of {', '.join(scoring.VERSIONS)}")
    return version


NModels = Annotated[int, Field(ge=3, le=4096)]
ScoringVersion = Annotated[str, AfterValidator(_known_version)]
Image = Annotated[Title, Field(description="Id of the sandbox image that workers must have proved.")]
MAX_PAGES = 30
MAX_PHASES = 50
TeamSize = Annotated[int, Field(ge=1, le=100)]


class TitledPage(Part):
    """A page by its title."""

    title: Title


class Page(TitledPage):
    """A page of the competition, in Markdown."""

    content: Text


class Logo(Part):
    """The competition's logo, a file of one of three kinds."""

    media_type: LogoType
    content: bytes = Field(max_length=2**20, repr=False)

    @property
    def sha256(self) -> str:
        """Its hash, which is its name in storage."""
        return hashlib.sha256(self.content).hexdigest()


class TaskName(Part):
    """What the bundle calls the task of a phase; phases of one name have one task."""

    name: Title
    description: Summary = ""


class Board(Part):
    """Which submission of a team ranks in a phase, and what is seen of the ranking until it is published.

    A `key` is how the bundle names it; phases with the same key have the same leaderboard's rules.
    """

    key: Slug | None = None
    title: Title | None = None
    rule: BoardRule = BoardRule.BEST
    visibility: BoardVisibility = BoardVisibility.PUBLIC


class PhaseRules(Part):
    """What a phase says of itself, however its task and its leaderboard are written."""

    slug: Slug
    name: Title
    description: Summary = ""
    start: Time = Field(default=datetime(2000, 1, 1, tzinfo=UTC), description="UTC, or with another zone.")
    end: Time | None = Field(default=None, description="From then on it takes no submissions; null: never.")
    limits: PhaseLimits = PhaseLimits()
    quotas: Quotas = Field(default=Quotas(), description="Of a team; a day begins at 00:00 UTC.")
    uploads: bool = Field(default=True, description="Whether participants submit to this phase.")
    auto_migrate_to_this_phase: bool = Field(
        default=False, description="Whether it takes what teams selected in the phase before, after its end."
    )
    max_selected: int = Field(default=1, ge=1, le=100, description="How many a team may select in it.")
    image: Image | None = None
    runs_per_shard: int = Field(default=16, ge=1, le=4096)
    keep_reference_weights: bool = False
    show_logs: bool = False
    score_decimals: int | None = Field(default=None, ge=0, le=15)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end.isoformat()} is not after start {self.start.isoformat()}")
        return self


class PhaseSpec(PhaseRules):
    """A phase with everything that makes it."""

    n_models: NModels
    dataset: dict[str, Any]
    architecture: dict[str, Any] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    scoring_version: ScoringVersion = scoring.SCORING_VERSION
    task: TaskName | None = None
    leaderboard: Board = Board()


AnyPhase = TypeVar("AnyPhase", bound=PhaseRules)
AnyPage = TypeVar("AnyPage", bound=TitledPage)


class CompetitionRules(Part):
    """What a competition says of itself beside its texts and phases."""

    version: int = Field(ge=2, le=2, description="That of Codabench's bundle format.")
    slug: Slug
    title: Title
    description: Summary = ""
    published: bool = Field(default=True, description="One that is not is seen by its organizers alone.")
    registration_auto_approve: bool = Field(
        default=True, description="Whether who joins takes part at once, or when an organizer has approved."
    )
    max_team_size: TeamSize = 5
    team_deadline: Time | None = Field(default=None, description="Until then teams may change; null: always.")


def check_phases(phases: list[AnyPhase]) -> list[AnyPhase]:
    """Return the phases if they fit together, else say everything that does not."""
    faults = [f"two phases have the same slug `{slug}`" for slug in twice(phase.slug for phase in phases)]
    if phases[0].auto_migrate_to_this_phase:
        faults.append("the first phase has no phase before it that it could take submissions from")
    if faults:
        raise ValueError("; ".join(faults))
    return phases


def check_titles(pages: list[AnyPage]) -> list[AnyPage]:
    """Return the pages if each has a title of its own."""
    faults = [f"two pages have the same title {title!r}" for title in twice(page.title for page in pages)]
    if faults:
        raise ValueError("; ".join(faults))
    return pages


def twice(values: Iterable[Any]) -> list[Any]:
    """Return the values that stand more than once."""
    return [value for value, count in Counter(values).items() if count > 1]


class CompetitionSpec(CompetitionRules):
    """A competition with everything that makes it."""

    terms: Text = ""
    pages: Annotated[list[Page], Field(max_length=MAX_PAGES), AfterValidator(check_titles)] = Field(
        default_factory=list
    )
    logo: Logo | None = None
    phases: Annotated[
        list[PhaseSpec], Field(min_length=1, max_length=MAX_PHASES), AfterValidator(check_phases)
    ]

    @model_validator(mode="after")
    def _keys_are_clear(self) -> Self:
        boards = {phase.leaderboard.key: phase.leaderboard for phase in self.phases}
        for phase in self.phases:
            if phase.leaderboard.key and boards[phase.leaderboard.key] != phase.leaderboard:
                raise ValueError(f"two leaderboards have the key `{phase.leaderboard.key}`")
        return self
