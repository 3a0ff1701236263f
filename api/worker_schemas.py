"""What the API says of the worker hosts, to organizers."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from api.schemas import Answer
from core import nodes, queue
from core.models import Node
from core.shards import Waiting


class FindingAnswer(Answer):
    """A property of a worker host's engine or kernel that the sandbox's promises rest on."""

    name: str
    holds: bool
    detail: str
    severity: str = Field(description="If it does not hold: `void`, or `development_only`.")


class WorkerAnswer(Answer):
    """A worker host, for organizers."""

    name: str
    state: Literal["proving", "ready", "refusing", "lost"] = Field(
        description="`lost`: not seen for a minute; only a `ready` one takes work."
    )
    problem: str = Field(description="Why it takes no work; empty if it does.")
    sandbox: str = Field(description="`docker` or `bubblewrap`; empty before the first self-test.")
    image: str | None = Field(description="Digest of the sandbox's image, if it has one.")
    mode: str = Field(description="`production` refuses what `development` only warns of.")
    findings: list[FindingAnswer]
    slots: int = Field(description="Shards that it works on at a time.")
    gpus: list[str] = Field(description="One with GPUs takes work of phases on `cuda`, and no other.")
    started_at: datetime
    seen_at: datetime

    @classmethod
    def of(cls, node: Node) -> Self:
        """Describe a stored worker host as it stands now."""
        return cls(
            name=node.name,
            state="lost" if nodes.is_lost(node) else node.state.value,
            problem=node.problem,
            sandbox=node.sandbox,
            image=node.image,
            mode=node.mode,
            findings=[FindingAnswer.model_validate(finding) for finding in node.findings],
            slots=node.slots,
            gpus=node.gpus,
            started_at=node.started_at,
            seen_at=node.seen_at,
        )


class UnservedAnswer(Answer):
    """Work that waits, since no worker host that takes work has what it needs."""

    competition: str
    phase: str
    shards: int
    needs: Literal["cpu", "cuda"] = Field(description="A worker without GPUs, or one with.")
    image: str | None = Field(description="The sandbox image that it must have proved; null: any.")

    @classmethod
    def of(cls, waiting: Waiting) -> Self:
        """Describe work that nobody takes."""
        needs: Literal["cpu", "cuda"] = "cuda" if waiting.queue == queue.CUDA_QUEUE else "cpu"
        return cls(
            competition=waiting.competition,
            phase=waiting.phase,
            shards=waiting.shards,
            needs=needs,
            image=waiting.image,
        )


class WorkerList(Answer):
    """All worker hosts, by name, and what none of them does."""

    workers: list[WorkerAnswer]
    unserved: list[UnservedAnswer]
