"""What a new definition of a competition changes in the one that is stored, and whether it may."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from core.bundle import columns
from core.bundle.facts import PhaseFacts, facts_of, largest_team
from core.bundle.permissions import Decision, decide, decide_competition, decide_order, decide_removal
from core.bundle.spec import CompetitionRules, CompetitionSpec, PhaseSpec
from core.models import Competition


@dataclass(frozen=True)
class Change:
    """One key that changes.

    Attributes:
        path: which, as competition.yaml has it, with the slug of a phase in the place of its index.
        before: its value, of JSON's types; None where there was nothing.
        after: the same.
        decision: whether it may change, and what follows.
    """

    path: str
    before: Any
    after: Any
    decision: Decision


@dataclass(frozen=True)
class Changes:
    """All that a new definition changes; `digest` stands for exactly these, with their decisions."""

    changes: list[Change]
    digest: str

    @property
    def refused(self) -> list[Change]:
        """Those that may not be made; with one of them, none is."""
        return [change for change in self.changes if change.decision.refused_because is not None]


def compare(session: Session, competition: Competition, wanted: CompetitionSpec) -> Changes:
    """Return what a definition, whose datasets are stored, changes in a stored competition."""
    current = columns.spec_of(competition)
    facts = {phase.slug: facts_of(session, phase) for phase in competition.phases}
    _note_migrations(competition, facts)
    team_size = largest_team(session, competition.id)
    changes = [
        Change(key, before, after, decide_competition(key, after, largest_team=team_size))
        for key, before, after in _differences(_of_competition(current), _of_competition(wanted))
    ]
    changes += _of_phases(current, wanted, facts)
    return Changes(changes, _digest(current, wanted, changes))


def _note_migrations(competition: Competition, facts: dict[str, PhaseFacts]) -> None:
    """Note of each phase whether its selected submissions have gone on to the next."""
    for phase, following in zip(competition.phases, competition.phases[1:], strict=False):
        facts[phase.slug] = facts[phase.slug]._replace(has_gone_on=following.migrated_at is not None)


def _of_phases(
    current: CompetitionSpec, wanted: CompetitionSpec, facts: dict[str, PhaseFacts]
) -> list[Change]:
    before = {phase.slug: phase for phase in current.phases}
    after = {phase.slug: phase for phase in wanted.phases}
    changes = []
    for slug, phase in before.items():
        if slug not in after:
            gone = phase.model_dump(mode="json")
            changes.append(Change(f"phases.{slug}", gone, None, decide_removal(facts[slug])))
            continue
        changes += [
            Change(f"phases.{slug}.{key}", old, new, decide(key, new, facts[slug]))
            for key, old, new in _differences(_of_phase(phase), _of_phase(after[slug]))
        ]
    changes += [
        Change(f"phases.{slug}", None, phase.model_dump(mode="json"), Decision("It is prepared now."))
        for slug, phase in after.items()
        if slug not in before
    ]
    stay = [slug for slug in before if slug in after]
    if stay != [slug for slug in after if slug in before]:
        changes.append(Change("phases", list(before), list(after), decide_order(facts.values())))
    return changes


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    keys = dict.fromkeys([*before, *after])
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _of_competition(spec: CompetitionSpec) -> dict[str, Any]:
    said = spec.model_dump(mode="json", include=set(CompetitionRules.model_fields) | {"terms"})
    said["image"] = None if spec.logo is None else f"{spec.logo.media_type} {spec.logo.sha256}"
    said["pages"] = [page.title for page in spec.pages]
    return said | {f"pages.{page.title}": page.content for page in spec.pages}


def _of_phase(spec: PhaseSpec) -> dict[str, Any]:
    said = spec.model_dump(mode="json")
    flat: dict[str, Any] = {}
    for key in ("limits", "quotas", "leaderboard"):
        flat |= {f"{key}.{inner}": value for inner, value in said.pop(key).items()}
    return said | flat


def _digest(current: CompetitionSpec, wanted: CompetitionSpec, changes: list[Change]) -> str:
    facts = [
        _whole(current),
        _whole(wanted),
        [(change.path, change.decision.refused_because) for change in changes],
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _whole(spec: CompetitionSpec) -> list[Any]:
    return [_of_competition(spec), [_of_phase(phase) for phase in spec.phases]]


def digest_of(spec: CompetitionSpec) -> str:
    """Return the hash of a whole definition."""
    return hashlib.sha256(json.dumps(_whole(spec), sort_keys=True).encode()).hexdigest()
