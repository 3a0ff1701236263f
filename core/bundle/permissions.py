"""What may change in a competition that runs, and what follows: nothing that participants have relied on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.bundle.facts import PhaseFacts

_PLAN = {"dataset", "architecture", "recipe", "n_models", "limits.device"}
_HOLDS_FROM_NOW = "It holds for what starts from now on."


@dataclass(frozen=True)
class Decision:
    """Whether a change may be made: `refused_because` is None then, and `entails` what follows from it."""

    entails: str = ""
    refused_because: str | None = None


def decide_competition(key: str, after: Any, *, largest_team: int) -> Decision:
    """Decide over a key of the competition itself."""
    if key == "slug":
        return _refused("the slug is the competition's address")
    if key == "max_team_size" and after < largest_team:
        return _refused(f"a team has {largest_team} members already")
    entailed = {
        "terms": "Who accepted the earlier terms is not asked again.",
        "registration_auto_approve": "Who takes part, or waits, already stays so.",
        "max_team_size": "It holds for teams that grow from now on.",
    }
    if key == "published":
        now = "From now on everybody sees the competition." if after else "Only organizers will see it."
        return Decision(now)
    return Decision(entailed.get(key, ""))


def decide_removal(facts: PhaseFacts) -> Decision:
    """Decide whether a phase may go."""
    if facts.submissions:
        return _refused(_has(facts.submissions))
    return Decision("Its preparation ends; its models are forgotten.")


def decide_order(facts: Iterable[PhaseFacts]) -> Decision:
    """Decide whether phases may change places."""
    if any(one.has_taken or one.has_gone_on for one in facts):
        return _refused("submissions have gone from one phase to the next")
    return Decision("A phase takes submissions from the one that stands before it then.")


def decide(key: str, after: Any, facts: PhaseFacts) -> Decision:
    """Decide over a key of a phase."""
    if key in _PLAN:
        return _decide_plan(facts)
    if key in {"start", "end"}:
        return _decide_times(key, after, facts)
    settled = _settled(key, after, facts)
    return Decision(_entailed(key, facts)) if settled is None else _refused(settled)


def _settled(key: str, after: Any, facts: PhaseFacts) -> str | None:
    """Return why a key is not to be changed any more, if so."""
    if key == "scoring_version" and facts.has_baselines:
        return "the phase is scored already; `lethe rescore` changes the version of the metric"
    if key == "show_logs" and after and facts.submissions:
        return f"{_has(facts.submissions)} that ran in the promise that nothing of them is shown"
    if key in {"leaderboard.rule", "score_decimals"} and facts.is_published:
        return "its results are published"
    if key in {"max_selected", "auto_migrate_to_this_phase"} and (facts.has_taken or facts.has_gone_on):
        return "what teams selected has gone on to the next phase"
    return None


def _decide_plan(facts: PhaseFacts) -> Decision:
    if facts.submissions:
        return _refused(f"{_has(facts.submissions)}, which would be measured against other models")
    if facts.has_models:
        return _refused("its reference models are made of it; add another phase instead")
    if facts.is_being_prepared:
        return _refused("a worker prepares the phase this moment; try again when it is done")
    return Decision("The phase is prepared anew.")


def _decide_times(key: str, after: str | None, facts: PhaseFacts) -> Decision:
    time = None if after is None else datetime.fromisoformat(after)
    if facts.is_published:
        return _refused("its results are published")
    if key == "end" and facts.has_gone_on:
        return _refused("what teams selected has gone on to the next phase")
    if key == "start" and time is not None and facts.first_at is not None and facts.first_at < time:
        return _refused(f"a submission came at {_clock(facts.first_at)}, before that")
    if key == "end" and time is not None and facts.last_at is not None and facts.last_at >= time:
        return _refused(f"a submission came at {_clock(facts.last_at)}, after that")
    return Decision("Participants see it at once." if facts.submissions else "")


def _entailed(key: str, facts: PhaseFacts) -> str:
    if key.startswith("limits.") or key in {"runs_per_shard", "image", "keep_reference_weights"}:
        return _HOLDS_FROM_NOW if facts.submissions or facts.has_models else ""
    entailed = {
        "max_selected": "Of a team that selected more, only that many go on.",
        "leaderboard.rule": "The ranking changes at once.",
        "leaderboard.visibility": "It holds at once.",
        "score_decimals": "Scores are shown so at once, those of before too.",
        "show_logs": "Nothing is shown of what ran before, either." if facts.submissions else "",
    }
    if key.startswith("quotas."):
        return "What teams have used counts." if facts.submissions else ""
    return entailed.get(key, "")


def _refused(because: str) -> Decision:
    return Decision(refused_because=because)


def _has(submissions: int) -> str:
    return "it has a submission" if submissions == 1 else f"it has {submissions} submissions"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
