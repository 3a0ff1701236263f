"""`python -m worker shard ID`, but the runs of a submission are memory taken on a stand-in for a GPU.

`python gpu_shard.py FOLDER ID`: FOLDER is that of `tests.support.nvidia`. What the process found goes there,
as `seen.json`; `die` or `leak` there make it die at work, or leave memory to a process that goes on.
"""

import json
import os
import signal
import sys
from pathlib import Path

from core import db, shards
from core.models import Work
from worker import __main__, tasks
from worker.lease import Lease

folder = Path(sys.argv[1])


def run_on_gpu(lease: Lease) -> None:
    (uuid,) = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
    (folder / "held" / f"{uuid},{os.getpid()}").write_text("9000")
    seen = {name: os.environ[name] for name in ("CUDA_VISIBLE_DEVICES", "LETHE_SANDBOX_GPUS")}
    (folder / "seen.json").write_text(json.dumps(seen | {"pid": os.getpid()}))
    if (folder / "die").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    if (folder / "leak").exists():
        (folder / "held" / f"{uuid},1").write_text("700")
    with db.transaction() as session:
        shards.finish(session, lease.shard.id, holder=lease.holder)


tasks._DO[Work.RUNS] = run_on_gpu
sys.exit(__main__.main(["shard", sys.argv[2]]))
