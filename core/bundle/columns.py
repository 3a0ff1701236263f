"""A competition's definition as columns of the database, and back."""

import secrets
from typing import Any

from core.bundle.spec import Board, CompetitionSpec, Logo, Page, PhaseSpec, TaskName
from core.limits import PhaseLimits
from core.models import Competition, Phase
from core.quotas import Quotas
from core.storage import storage


def of_competition(spec: CompetitionSpec) -> dict[str, Any]:
    """Return the columns of a competition by name, without its slug; its logo is put into storage."""
    return {
        "title": spec.title,
        "description": spec.description,
        "published": spec.published,
        "terms": spec.terms,
        "pages": [page.model_dump() for page in spec.pages],
        "image_sha256": None if spec.logo is None else storage().put(spec.logo.content),
        "image_type": "" if spec.logo is None else spec.logo.media_type,
        "approves_participants": not spec.registration_auto_approve,
        "max_team_size": spec.max_team_size,
        "team_deadline": spec.team_deadline,
    }


def of_phase(spec: PhaseSpec) -> dict[str, Any]:
    """Return the columns of a phase by name that its definition decides, but what its models are made of."""
    return {
        "title": spec.name,
        "description": spec.description,
        "opens_at": spec.start,
        "closes_at": spec.end,
        "runs_per_shard": spec.runs_per_shard,
        "limits": spec.limits.model_dump(),
        "quotas": spec.quotas.model_dump(),
        "uploads": spec.uploads,
        "auto_migrate": spec.auto_migrate_to_this_phase,
        "max_selected": spec.max_selected,
        "image": spec.image,
        "board_rule": spec.leaderboard.rule,
        "board_visibility": spec.leaderboard.visibility,
        "keep_reference_weights": spec.keep_reference_weights,
        "show_logs": spec.show_logs,
        "score_decimals": spec.score_decimals,
        "as_written": {
            "task": None if spec.task is None else spec.task.model_dump(),
            "leaderboard": spec.leaderboard.model_dump(include={"key", "title"}),
            "architecture": spec.architecture,
            "recipe": spec.recipe,
        },
    }


def of_plan(spec: PhaseSpec) -> dict[str, Any]:
    """Return the columns by name that say what the models of a phase are made of, and their metric."""
    return {
        "n_models": spec.n_models,
        "dataset": spec.dataset,
        "architecture": spec.architecture,
        "recipe": spec.recipe,
        "scoring_version": spec.scoring_version,
    }


def plan_of(phase: Phase) -> dict[str, Any]:
    """Return the same of a stored phase, as its bundle said it."""
    return of_plan(phase_spec_of(phase))


def new_phase(spec: PhaseSpec, position: int) -> Phase:
    """Return a phase that is not stored yet, with a secret of its own."""
    secret = secrets.token_bytes(32)
    return Phase(slug=spec.slug, position=position, secret=secret, **of_phase(spec), **of_plan(spec))


def spec_of(competition: Competition) -> CompetitionSpec:
    """Return the definition of a stored competition; it holds no secret of a phase, and no faces."""
    logo = None
    if competition.image_sha256 is not None:
        content = storage().get(competition.image_sha256)
        logo = Logo.model_validate({"media_type": competition.image_type, "content": content})
    return CompetitionSpec(
        version=2,
        slug=competition.slug,
        title=competition.title,
        description=competition.description,
        published=competition.published,
        registration_auto_approve=not competition.approves_participants,
        max_team_size=competition.max_team_size,
        team_deadline=competition.team_deadline,
        terms=competition.terms,
        pages=[Page(**page) for page in competition.pages],
        logo=logo,
        phases=[phase_spec_of(phase) for phase in competition.phases],
    )


def phase_spec_of(phase: Phase) -> PhaseSpec:
    """Return the definition of a stored phase."""
    # A phase of before there was `as_written` is described by its columns alone.
    written, task = phase.as_written, phase.as_written.get("task")
    return PhaseSpec(
        slug=phase.slug,
        name=phase.title,
        description=phase.description,
        start=phase.opens_at,
        end=phase.closes_at,
        limits=PhaseLimits.model_validate(phase.limits),
        quotas=Quotas.model_validate(phase.quotas),
        uploads=phase.uploads,
        auto_migrate_to_this_phase=phase.auto_migrate,
        max_selected=phase.max_selected,
        image=phase.image,
        runs_per_shard=phase.runs_per_shard,
        keep_reference_weights=phase.keep_reference_weights,
        show_logs=phase.show_logs,
        score_decimals=phase.score_decimals,
        n_models=phase.n_models,
        dataset=phase.dataset,
        architecture=written.get("architecture", phase.architecture),
        recipe=written.get("recipe", phase.recipe),
        scoring_version=phase.scoring_version,
        task=None if task is None else TaskName(**task),
        leaderboard=Board(
            **written.get("leaderboard", {}), rule=phase.board_rule, visibility=phase.board_visibility
        ),
    )
