"""The shapes of what organizers decide about submissions and teams."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AwareDatetime, Field

from api.organizing_schemas import OptionalText, Request
from api.schemas import Answer
from core.lifecycle import SubmissionState, Verdict
from core.models import Phase
from core.quotas import Quotas
from core.submission_search import SubmissionFilter
from core.team_quotas import TeamUsage


class BulkRerunRequest(Request):
    """Which submissions of a phase are to run again; what is left out asks for nothing: all of them."""

    reason: OptionalText = ""
    team: OptionalText = Field(default="", description="Letters in the team's name.")
    state: SubmissionState | None = None
    verdict: Verdict | None = None
    disqualified: bool | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None

    def filter(self) -> SubmissionFilter:
        """Return this as the core takes it."""
        return SubmissionFilter(**self.model_dump(exclude={"reason"}))


class BulkRerunAnswer(Answer):
    """How many submissions run again, and how many of those asked for cannot."""

    started: int
    skipped: int


class MigrationRequest(Request):
    """Which submissions of an earlier phase are to run in this one too."""

    submissions: Annotated[list[UUID], Field(max_length=10_000)] | None = Field(
        default=None, description="If left out, what each team selected in the phase before."
    )


class MigrationAnswer(Answer):
    """The submissions that are new in the phase."""

    submissions: list[UUID]


class TeamQuotaAnswer(Answer):
    """What a team may submit in a phase, and what of that it has used."""

    team_id: UUID
    team: str
    own: Quotas = Field(description="What organizers allow this team; null: as the phase says.")
    quotas: Quotas = Field(description="What holds; null: any number.")
    today: int = Field(description="Submissions of this UTC day that count.")
    total: int
    under_way: int

    @classmethod
    def of(cls, usage: TeamUsage) -> Self:
        """Describe a team in a phase."""
        return cls(
            team_id=usage.team.id,
            team=usage.team.name,
            own=usage.own,
            quotas=usage.quotas,
            today=usage.today,
            total=usage.total,
            under_way=usage.under_way,
        )


class TeamQuotaList(Answer):
    """Teams in the order of their names."""

    teams: list[TeamQuotaAnswer]


class DatasetAnswer(Answer):
    """What data a phase runs on; hashes are null until it is prepared."""

    competition: str
    phase: str
    dataset: dict[str, Any] = Field(description="What the phase asks for.")
    participant_part_sha256: str | None
    secret_part_sha256: str | None
    manifest_sha256: str | None
    counts: dict[str, int] = Field(description="Images of each split; empty until the phase is prepared.")
    licence: str | None
    prepared: bool

    @classmethod
    def of(cls, phase: Phase, manifest: dict[str, Any] | None) -> Self:
        """Describe the stored bundle of a phase."""
        known = manifest or {}
        return cls(
            competition=phase.competition.slug,
            phase=phase.slug,
            dataset=phase.dataset,
            participant_part_sha256=phase.participant_part_sha256,
            secret_part_sha256=phase.secret_part_sha256,
            manifest_sha256=phase.manifest_sha256,
            counts=known.get("counts", {}),
            licence=known.get("licence"),
            prepared=manifest is not None,
        )
