"""Leases: one holder at a time, taken over when they lapse, messages sent again when they are lost."""

from datetime import timedelta
from uuid import UUID

import pytest

from core import db, nodes, queue, shards
from core.errors import LeaseLostError
from core.models import Phase, Shard, Work, utc_now
from core.settings import get_settings
from tests.support.competition import make_phase, make_submission

IMAGE = "sha256:" + "1" * 64

pytestmark = pytest.mark.usefixtures("installation")


@pytest.fixture
def shard_id(sent: list[queue.Message]) -> UUID:
    make_submission(make_phase())
    return sent[-1].shard_id


def _take(shard_id: UUID, holder: str) -> Shard | None:
    with db.transaction() as session:
        return shards.take(session, shard_id, holder=holder)


def _change(shard_id: UUID, **values: object) -> None:
    with db.transaction() as session:
        shard = session.get_one(Shard, shard_id)
        for name, value in values.items():
            setattr(shard, name, value)


def _sweep(*, queue_is_empty: bool = True, name: str = queue.RUNS_QUEUE) -> list[UUID]:
    with db.transaction() as session:
        empty = frozenset({name} if queue_is_empty else ())
        return shards.send_waiting(session, empty_queues=empty)


def test_split_covers_everything_once() -> None:
    parts = shards.split(10, size=4)
    assert [index for part in parts for index in range(part.start, part.stop)] == list(range(10))


def test_take_held_shard_gives_nothing(shard_id: UUID) -> None:
    assert _take(shard_id, "a:1") is not None
    assert _take(shard_id, "b:1") is None


def test_take_lapsed_lease_changes_holder_and_loser_notices(shard_id: UUID) -> None:
    _take(shard_id, "a:1")
    _change(shard_id, lease_expires_at=utc_now() - timedelta(seconds=1))
    assert _take(shard_id, "b:1") is not None
    with pytest.raises(LeaseLostError), db.transaction() as session:
        shards.renew(session, shard_id, holder="a:1")
    with pytest.raises(LeaseLostError), db.transaction() as session:
        shards.finish(session, shard_id, holder="a:1")


def test_take_done_shard_gives_nothing(shard_id: UUID) -> None:
    _take(shard_id, "a:1")
    with db.transaction() as session:
        shards.finish(session, shard_id, holder="a:1")
    assert _take(shard_id, "b:1") is None
    _change(shard_id, sent_at=None)
    assert shard_id not in _sweep()


def test_send_waiting_fresh_message_is_not_repeated(shard_id: UUID) -> None:
    assert _sweep() == []


def test_send_waiting_lost_message_is_sent_again(shard_id: UUID, sent: list[queue.Message]) -> None:
    _change(shard_id, sent_at=utc_now() - timedelta(minutes=1))
    sent.clear()
    assert _sweep(queue_is_empty=False) == []
    assert _sweep() == [shard_id]
    assert sent == [queue.Message(queue.RUNS_QUEUE, shard_id)]


def test_send_waiting_lapsed_lease_is_freed_and_counts_as_failure(shard_id: UUID) -> None:
    _take(shard_id, "a:1")
    assert _sweep() == []
    _change(shard_id, lease_expires_at=utc_now() - timedelta(seconds=1))
    assert _sweep(queue_is_empty=False) == [shard_id]
    with db.reading() as session:
        shard = session.get_one(Shard, shard_id)
    assert (shard.lease_holder, shard.failures) == (None, 1)


def test_release_node_frees_only_its_own_without_blame(shard_id: UUID) -> None:
    _take(shard_id, "a:1")
    with db.transaction() as session:
        assert shards.release_node(session, "b") == 0
        assert shards.release_node(session, "a") == 1
    with db.reading() as session:
        assert session.get_one(Shard, shard_id).failures == 0
    assert _sweep(queue_is_empty=False) == [shard_id]


def test_progress_forgets_failures(shard_id: UUID) -> None:
    _take(shard_id, "a:1")
    with db.transaction() as session:
        shards.release_failed(session, shard_id, holder="a:1")
    _take(shard_id, "a:2")
    with db.reading() as session:
        assert session.get_one(Shard, shard_id).failures == 1
    with db.transaction() as session:
        shards.note_progress(session, shard_id, holder="a:2")
    with db.reading() as session:
        assert session.get_one(Shard, shard_id).failures == 0


def test_add_sends_what_trains_or_runs_to_the_device_of_its_phase(sent: list[queue.Message]) -> None:
    phase = make_phase(limits={"device": "cuda"})
    sent.clear()
    with db.transaction() as session:
        for work in Work:
            shards.add(session, Shard(work=work, phase_id=phase.id, start=0, stop=1))
    counting = {Work.BASELINES, Work.SCORING, Work.RESCORING}
    wanted = [queue.SCORING_QUEUE if work in counting else queue.CUDA_QUEUE for work in Work]
    assert [message.queue for message in sent] == wanted


def test_send_waiting_sends_to_the_device_and_judges_by_its_queue(sent: list[queue.Message]) -> None:
    make_submission(make_phase(limits={"device": "cuda"}))
    shard_id = sent[-1].shard_id
    _change(shard_id, sent_at=utc_now() - timedelta(minutes=1))
    sent.clear()
    assert _sweep(name=queue.RUNS_QUEUE) == []
    assert _sweep(name=queue.CUDA_QUEUE) == [shard_id]
    assert sent == [queue.Message(queue.CUDA_QUEUE, shard_id)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_take_is_for_workers_that_have_the_device(
    sent: list[queue.Message], monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    make_submission(make_phase(limits={"device": device}))
    shard_id = sent[-1].shard_id
    for gpus, has_device in (("", device == "cpu"), ("0", device == "cuda")):
        monkeypatch.setenv("LETHE_SANDBOX_GPUS", gpus)
        get_settings.cache_clear()
        assert (_take(shard_id, "a:1") is not None) == has_device
        _change(shard_id, lease_holder=None)


def test_runs_of_a_phase_with_an_image_are_for_workers_that_proved_it(sent: list[queue.Message]) -> None:
    phase = make_phase()
    with db.transaction() as session:
        session.get_one(Phase, phase.id).image = IMAGE
    make_submission(phase)
    for proved in (None, "sha256:" + "2" * 64, IMAGE):
        with db.transaction() as session:
            nodes.begin(session, "local", slots=1)
            nodes.make_ready(session, "local", nodes.Proof("docker", proved))
        with db.reading() as session:
            (waiting,) = shards.list_open(session)
            assert waiting.image == IMAGE
            assert nodes.list_unserved(session) == ([] if proved == IMAGE else [waiting])
        assert (_take(sent[-1].shard_id, "local:1") is not None) == (proved == IMAGE)


def test_phase_of_an_earlier_version_that_names_no_device_computes_on_the_cpu(
    sent: list[queue.Message],
) -> None:
    phase = make_phase()
    with db.transaction() as session:
        session.get_one(Phase, phase.id).limits = {"memory_bytes": 2**30}
    make_submission(phase)
    assert sent[-1].queue == queue.RUNS_QUEUE


def test_list_open_counts_by_queue_and_phase(sent: list[queue.Message]) -> None:
    phase = make_phase(limits={"device": "cuda"}, n_models=40)
    make_submission(phase)
    with db.transaction() as session:
        shards.add(session, Shard(work=Work.BASELINES, phase_id=phase.id, start=0, stop=1))
    with db.reading() as session:
        assert shards.list_open(session) == [
            shards.Waiting(queue.CUDA_QUEUE, "demo", "check", 3),
            shards.Waiting(queue.SCORING_QUEUE, "demo", "check", 1),
        ]
