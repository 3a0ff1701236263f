"""A shard of reference models: each is trained, measured, and stored as soon as it is there."""

from dataclasses import dataclass

from safetensors.torch import save

from core import competitions, db, references, shards
from core.limits import limits_of
from core.models import Phase, ReferenceModel, Work
from core.storage import storage
from training.evaluation import Evaluator
from training.plan import Plan
from training.train import TrainedModel, train_many
from worker.lease import Lease
from worker.preparation import is_stale, load_bundle, model_seed, parts_of, plan_of


@dataclass(frozen=True)
class _Task:
    """The models of a shard that are not stored yet."""

    lease: Lease
    phase: Phase
    plan: Plan
    missing: list[int]


def train_references(lease: Lease) -> None:
    """Train the models of a shard that are missing; the last shard enqueues what the phase lacks then."""
    task = _begin(lease)
    if task is None:
        return
    if task.missing:
        _train(task)
    with db.transaction() as session:
        phase = competitions.lock(session, task.phase.id)
        shards.finish(session, lease.shard.id, holder=lease.holder)
        if not shards.count_open(session, phase_id=phase.id, work=Work.REFERENCES):
            references.go_on(session, phase)


def _begin(lease: Lease) -> _Task | None:
    """Return what is to be trained, or None if the phase was prepared by another version of Lethe.

    Its references would be measured against an original, and set beside references, that are made otherwise:
    then the phase is prepared anew.
    """
    shard = lease.shard
    with db.transaction() as session:
        phase = competitions.lock(session, shard.phase_id)
        if is_stale(phase):
            shards.finish(session, shard.id, holder=lease.holder)
            references.prepare_anew(session, phase)
            return None
        stored = references.trained_models(session, phase)[shard.set_index]
    missing = [index for index in range(shard.start, shard.stop) if index not in stored]
    return _Task(lease, phase, plan_of(phase), missing)


def _train(task: _Task) -> None:
    bundle, set_index = load_bundle(parts_of(task.phase)), task.lease.shard.set_index
    device = limits_of(task.phase).device
    evaluator = Evaluator(bundle, task.plan.architecture, device)
    trained = train_many(
        bundle.retain.images,
        bundle.retain.age_group,
        architecture=task.plan.architecture,
        recipe=task.plan.recipe,
        seeds=[model_seed(task.phase, f"reference:{set_index}:{index}") for index in task.missing],
        device=device,
    )
    for index, model in zip(task.missing, trained, strict=True):
        _store(task, index, model, evaluator.evaluate(model.state).to_bytes())


def _store(task: _Task, index: int, model: TrainedModel, evaluation: bytes) -> None:
    shard, store = task.lease.shard, storage()
    made = ReferenceModel(
        reference_key=task.phase.reference_key,
        set_index=shard.set_index,
        model_index=index,
        evaluation_sha256=store.put(evaluation),
        weights_sha256=store.put(save(model.state)) if task.phase.keep_reference_weights else None,
        seconds=model.seconds,
    )
    with db.transaction() as session:
        references.record(session, made)
    # After it: whoever has lost the lease meanwhile has trained the same model, and stops only now.
    with db.transaction() as session:
        shards.note_progress(session, shard.id, holder=task.lease.holder)
