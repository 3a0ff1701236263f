"""A phase and submissions that need no training: what their models do is drawn, and stored as if measured."""

from functools import cache

import numpy as np
from sqlalchemy import update

from core import competitions, db, references, submissions
from core.lifecycle import Verdict
from core.models import Phase, ReferenceModel, Shard, Submission
from core.references import CEILING_SET, REFERENCE_SET, Prepared
from core.storage import storage
from core.submissions import RunResult
from faces.bundle import Bundle, Split, pack
from faces.synthetic import SyntheticFaces, render
from submissions_sandbox.architectures import Architecture
from tests.support.competition import HONEST, make_phase, make_submission
from training.evaluation import Evaluation, sample_indices
from training.plan import Plan
from worker.preparation import reference_key

FACES = {"n_people": 20, "images_per_person": 2, "n_forget_people": 4, "n_val_people": 4, "n_test_people": 6}
SANDBOX = "docker sha256:" + "5" * 64


def make_measured_phase(*, n_models: int = 4) -> Phase:
    """Create a phase all of whose own models are measured; its baselines are enqueued."""
    return measure(make_phase(ready=False, n_models=n_models, dataset={"kind": "synthetic", **FACES}))


def measure(phase: Phase) -> Phase:
    """Store of a phase what its preparation and its references would leave; enqueue its baselines."""
    bundle = draw_faces(phase)
    packed, put = pack(bundle), storage().put
    architecture, manifest_sha256 = Architecture(width=4).to_dict(), put(packed.manifest)
    plan = Plan.read(dataset=phase.dataset, architecture=architecture, recipe={})
    key = reference_key(phase, plan, manifest_sha256)
    with db.transaction() as session:
        prepared = Prepared(
            architecture=architecture,
            recipe={},
            participant_part_sha256=put(packed.participant),
            secret_part_sha256=put(packed.secret),
            manifest_sha256=manifest_sha256,
            original_sha256="0" * 64,
            original_evaluation_sha256=put(draw_evaluation(bundle, seed=0).to_bytes()),
            reference_key=key,
            retraining_s=100.0,
        )
        references.set_prepared(session, phase.id, prepared)
        for set_index in (REFERENCE_SET, CEILING_SET):
            for index in range(phase.n_models):
                evaluation = draw_evaluation(bundle, seed=1000 * (set_index + 1) + index)
                model = ReferenceModel(
                    reference_key=key,
                    set_index=set_index,
                    model_index=index,
                    evaluation_sha256=put(evaluation.to_bytes()),
                    seconds=1.0,
                )
                references.record(session, model)
        session.execute(update(Shard).where(Shard.phase_id == phase.id).values(done=True))
        references.go_on(session, competitions.lock(session, phase.id))
    with db.reading() as session:
        return session.get_one(Phase, phase.id)


def make_run_submission(phase: Phase, *, user: str = "ann", comment: str = "") -> Submission:
    """Upload a submission and record all of its runs; its scoring is enqueued."""
    submission = make_submission(phase, user=user, source=HONEST + f"# {comment}\n".encode())
    with db.transaction() as session:
        session.execute(update(Shard).where(Shard.submission_id == submission.id).values(done=True))
    for run_index in range(phase.n_models):
        record_run(submission, phase, run_index)
    return submission


def record_run(submission: Submission, phase: Phase, run_index: int) -> None:
    """Record that a run has ended well, with what its source leads to: other sources, other models."""
    seed = int(submission.source_sha256[:8], 16) + run_index
    evaluation = draw_evaluation(draw_faces(phase), seed=seed)
    result = RunResult(
        Verdict.OK,
        seconds=2.0 + run_index,
        sandbox=SANDBOX,
        evaluation_sha256=storage().put(evaluation.to_bytes()),
    )
    with db.transaction() as session:
        submissions.begin(session, submission.id)
        submissions.record_run(session, submission.id, run_index, result)


def draw_evaluation(bundle: Bundle, *, seed: int) -> Evaluation:
    """Draw what a mediocre model does."""
    generator = np.random.default_rng(seed)

    def logits(split: Split) -> np.ndarray:
        drawn = generator.normal(size=(len(split), 10)).astype(np.float32)
        drawn[np.arange(len(split)), split.age_group] += 1.0
        return drawn

    retain, test = logits(bundle.retain), logits(bundle.test)
    return Evaluation(
        forget_logits=logits(bundle.forget),
        retain_logits=retain[sample_indices(len(retain))],
        test_logits=test[sample_indices(len(test))],
        retain_accuracy=float(np.mean(retain.argmax(1) == bundle.retain.age_group)),
        test_accuracy=float(np.mean(test.argmax(1) == bundle.test.age_group)),
    )


def draw_faces(phase: Phase) -> Bundle:
    """Draw the faces of a phase, whose dataset is synthetic."""
    return _draw(**{name: value for name, value in phase.dataset.items() if name != "kind"})


@cache
def _draw(**faces: int) -> Bundle:
    return render(SyntheticFaces(**faces))
