"""Workers without broker and sandbox, to be killed: each prepares the phases of its home to the end.

Run as `python -m tests.support.shard_worker`. For every home folder that it reads, a line each, it forks a
worker, as the pool of a real one does, and writes the worker's pid, then its status once it has ended.
"""

import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # as a worker does, before torch is imported

import torch._dynamo  # noqa: F401  # the first step of an optimiser imports it: here, once for all workers
from sqlalchemy import select

from core import db, logs, shards
from core.models import Shard, Work
from core.settings import get_settings
from worker import tasks

_WORK = (Work.PREPARATION, Work.REFERENCES)


def main() -> None:
    """Start a worker for every line that comes in."""
    logs.configure(sys.stderr)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            os.environ["LETHE_HOME"] = line.strip()
            get_settings.cache_clear()
            _work()
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _work() -> None:
    """Free what an earlier worker held, then do one shard after another."""
    with db.transaction() as session:
        shards.release_node(session, get_settings().node_name)
    waiting = select(Shard.id).where(Shard.work.in_(_WORK), Shard.done.is_(False)).order_by(Shard.created_at)
    while True:
        with db.reading() as session:
            shard_id = session.scalars(waiting).first()
        if shard_id is None:
            return
        tasks.work_on_shard(str(shard_id))


if __name__ == "__main__":
    main()
