"""`python -m worker shard ID`, but the runs of a submission are memory taken on a stand-in for a GPU.

`python gpu_shard.py FOLDER ID`: FOLDER is that of `tests.support.nvidia`. What the process found goes there,
as `seen.json`; a file `hang` there makes it stay.
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
    seen["pid"] = str(os.getpid())
    seen["files"] = " ".join(os.readlink(file) for file in Path("/proc/self/fd").glob("*") if file.exists())
    (folder / "seen.new").write_text(json.dumps(seen))
    (folder / "seen.new").rename(folder / "seen.json")
    if (folder / "hang").exists():
        signal.pause()
    with db.transaction() as session:
        shards.finish(session, lease.shard.id, holder=lease.holder)


tasks._DO[Work.RUNS] = run_on_gpu
sys.exit(__main__.main(["shard", sys.argv[2]]))
