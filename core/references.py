"""The models of a phase itself, the original and the references: which exist, and who makes the missing ones.

A phase becomes ready in three steps, each of shards: its original model, the reference models of both sets,
the baselines. `request` and `go_on` ask for what the next step still lacks and nobody is to make yet, so that
to ask once more, after a crash or a failure, never costs a model that is there.
"""

from dataclasses import dataclass, fields
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from core import audit, competitions, nodes, queue, shards
from core.lifecycle import PhaseState
from core.limits import limits_of
from core.models import Phase, ReferenceModel, Shard, User, Work

REFERENCE_SET = 0
CEILING_SET = 1
_SETS = (REFERENCE_SET, CEILING_SET)

# One processor core trains one model at a time, one GPU several at once.
_MODELS_PER_SHARD = {"cpu": 1, "cuda": 8}


@dataclass(frozen=True)
class Prepared:
    """What the preparation of a phase made, by the names of the phase's columns."""

    architecture: dict[str, Any]
    recipe: dict[str, Any]
    participant_part_sha256: str
    secret_part_sha256: str
    manifest_sha256: str
    original_sha256: str
    original_evaluation_sha256: str
    reference_key: str
    retraining_s: float


class Progress(NamedTuple):
    """How far something is, in models."""

    done: int
    total: int


@dataclass(frozen=True)
class References:
    """How far the reference models of a phase are.

    Attributes:
        reference: models of the set that submissions are measured against.
        ceiling: models of the second set.
        seconds_per_model: median of what the stored ones took; None while there are none.
        time_left_s: what the missing ones will take the slots of all hosts that take such work; None if that
            is unknown, or if nobody trains them because the phase is broken.
    """

    reference: Progress
    ceiling: Progress
    seconds_per_model: float | None
    time_left_s: float | None


def current(session: Session, phase: Phase) -> References:
    """Return how far the reference models of a phase are."""
    models = _models(session, phase)
    stored = [sum(model.set_index == set_index for model in models) for set_index in _SETS]
    seconds = median(model.seconds for model in models) if models else None
    return References(
        reference=Progress(stored[REFERENCE_SET], phase.n_models),
        ceiling=Progress(stored[CEILING_SET], phase.n_models),
        seconds_per_model=seconds,
        time_left_s=_time_left_s(session, phase, missing=2 * phase.n_models - len(models), seconds=seconds),
    )


def _time_left_s(session: Session, phase: Phase, *, missing: int, seconds: float | None) -> float | None:
    if missing == 0:
        return 0.0
    on_gpu = limits_of(phase).device == "cuda"
    slots = nodes.count_slots(session, queue.CUDA_QUEUE if on_gpu else queue.RUNS_QUEUE)
    if seconds is None or slots == 0 or phase.state is PhaseState.BROKEN:
        return None
    return seconds * missing / slots


def preparation_progress(session: Session, phase: Phase) -> Progress:
    """Return how many of the original model and the reference models of both sets exist."""
    original = 0 if phase.original_sha256 is None else 1
    return Progress(original + len(_models(session, phase)), total=1 + 2 * phase.n_models)


def _models(session: Session, phase: Phase) -> list[ReferenceModel]:
    """Return the reference models of a phase that exist; those beyond its N are of a phase with more."""
    if phase.reference_key is None:
        return []
    query = select(ReferenceModel).where(
        ReferenceModel.reference_key == phase.reference_key, ReferenceModel.model_index < phase.n_models
    )
    return list(session.scalars(query))


def trained_models(session: Session, phase: Phase) -> dict[int, dict[int, str]]:
    """Return {set index: {model index: sha256 of its evaluation}} of the references that exist."""
    found: dict[int, dict[int, str]] = {set_index: {} for set_index in _SETS}
    for model in _models(session, phase):
        found[model.set_index][model.model_index] = model.evaluation_sha256
    return found


def record(session: Session, model: ReferenceModel) -> None:
    """Store what a reference model gave, once: the first stays."""
    try:
        with session.begin_nested():
            session.add(model)
    except IntegrityError:
        same = select(ReferenceModel.id).where(
            ReferenceModel.reference_key == model.reference_key,
            ReferenceModel.set_index == model.set_index,
            ReferenceModel.model_index == model.model_index,
        )
        session.scalars(same).one()  # else it was something else that the database refused


def forget(session: Session, evaluation_sha256: str) -> bool:
    """Forget the reference models with this evaluation, which is damaged; return whether there were any."""
    damaged = delete(ReferenceModel).where(ReferenceModel.evaluation_sha256 == evaluation_sha256)
    return bool(session.scalars(damaged.returning(ReferenceModel.id)).all())


def set_prepared(session: Session, phase_id: UUID, prepared: Prepared) -> None:
    """Note the bundle and the original model of a phase, and go on with its reference models."""
    phase = competitions.lock(session, phase_id)
    for field in fields(prepared):
        setattr(phase, field.name, getattr(prepared, field.name))
    go_on(session, phase)


def request(session: Session, phase_id: UUID, *, actor: User | None = None) -> None:
    """Have everything made that a phase lacks, as `actor` wishes; one that broke is in preparation again.

    Asking twice does no more than asking once, and asking for a phase that is ready does nothing.
    """
    phase = competitions.lock(session, phase_id)
    if phase.state is not PhaseState.READY:
        before = {"state": phase.state, "problem": phase.problem}
        phase.state, phase.problem = PhaseState.PREPARING, ""
        go_on(session, phase)
        audit.record(
            session,
            actor=actor,
            action="references.build",
            competition_id=phase.competition_id,
            target=f"phase {phase.slug}",
            before=before,
            after={"state": phase.state, "problem": phase.problem},
        )


def go_on(session: Session, phase: Phase) -> None:
    """Enqueue what a phase in preparation, which is locked, lacks next and nobody is to make yet."""
    if phase.state is not PhaseState.PREPARING:
        return
    if phase.reference_key is None:
        _add_once(session, phase, Work.PREPARATION)
        return
    stored = trained_models(session, phase)
    if all(len(models) == phase.n_models for models in stored.values()):
        _add_once(session, phase, Work.BASELINES)
        return
    asked_for = _asked_for(session, phase)
    for set_index, models in stored.items():
        for part in shards.split(phase.n_models, size=_MODELS_PER_SHARD[limits_of(phase).device]):
            missing = set(range(part.start, part.stop)) - models.keys() - asked_for[set_index]
            if missing:
                _add_shard(session, phase, set_index, missing)


def _add_shard(session: Session, phase: Phase, set_index: int, missing: set[int]) -> None:
    start, stop = min(missing), max(missing) + 1
    shard = Shard(work=Work.REFERENCES, phase_id=phase.id, set_index=set_index, start=start, stop=stop)
    shards.add(session, shard)


def prepare_anew(session: Session, phase: Phase) -> None:
    """Begin the preparation of a phase, which is locked, again; nothing trained so far is taken for it."""
    phase.reference_key = None
    go_on(session, phase)


def _add_once(session: Session, phase: Phase, work: Work) -> None:
    if not shards.count_open(session, phase_id=phase.id, work=work):
        shards.add(session, Shard(work=work, phase_id=phase.id, start=0, stop=1))


def _asked_for(session: Session, phase: Phase) -> dict[int, set[int]]:
    """Return the indices, by set, that shards which are not done cover."""
    found: dict[int, set[int]] = {set_index: set() for set_index in _SETS}
    query = select(Shard).where(
        Shard.phase_id == phase.id, Shard.work == Work.REFERENCES, Shard.done.is_(False)
    )
    for shard in session.scalars(query):
        found[shard.set_index].update(range(shard.start, shard.stop))
    return found
