"""How much memory one uvicorn process takes for an upload of 100 MB, and for the largest that is accepted.

Phase and platform allow 128 MiB here. A file is on the disk while it comes, and is checked and stored from
there; one that is larger than any valid submission is refused. Ours is by how much the process's highest
resident memory grows, in MB; the baseline is what the file has.
"""

import io
import os
import random
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import migrations
from benchmarks.figure import Figure
from benchmarks.leaderboard_speed import forget, serving
from core import accounts, db
from core.programs import MAX_UPLOAD_BYTES
from tests.support.competition import HONEST, make_phase

_MB = 10**6
_LIMIT_BYTES = 128 * 2**20
_ADDRESS = "/api/v1/competitions/demo/phases/check/submissions"
_BOUNDARY = "upload"


def figures() -> Iterator[Figure]:
    """Yield megabytes of memory for a file that is refused, and for the largest archive that is accepted."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"LETHE_HOME": folder, "LETHE_DATABASE_URL": f"sqlite:///{folder}/lethe.db"}
        os.environ["LETHE_MAX_UPLOAD_BYTES"] = str(_LIMIT_BYTES)
        forget()
        token = _prepare()
        whole = _archive(MAX_UPLOAD_BYTES - 2 * 2**20)
        for name, file, status in (
            ("upload_memory_100_mb_refused", b"\0" * (100 * _MB), 413),
            ("upload_memory_largest_accepted", whole, 202),
        ):
            with serving(os.environ["LETHE_DATABASE_URL"]) as (port, process_id):
                for _ in range(2):  # what the first upload loads stays
                    _upload(port, token, _archive(1000), {200, 202})
                before = _resident_bytes(process_id, "VmRSS")
                _forget_peak(process_id)
                _upload(port, token, file, {status})
                grown = _resident_bytes(process_id, "VmHWM") - before
            n_bytes = len(file)
            yield Figure(name, grown / _MB, n_bytes / _MB, grown / n_bytes, "MB", 1)
        for name in ("LETHE_HOME", "LETHE_DATABASE_URL", "LETHE_MAX_UPLOAD_BYTES"):
            del os.environ[name]
        forget()


def _prepare() -> str:
    migrations.upgrade(db.engine())
    make_phase(limits={"upload_bytes": _LIMIT_BYTES}, quotas={"per_day": 100, "concurrent": 100})
    with db.transaction() as session:
        return accounts.create_user(session, "ann").token


def _archive(n_bytes: int) -> bytes:
    """Return an archive with about as many bytes in it, which do not shrink."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("submission.py", HONEST)
        archive.writestr("weights.bin", random.Random(0).randbytes(n_bytes))
    return buffer.getvalue()


def _upload(port: int, token: str, file: bytes, statuses: set[int]) -> None:
    head = (
        f"--{_BOUNDARY}\r\nContent-Disposition: form-data; name=file; filename=submission.zip\r\n\r\n"
    ).encode()
    body = head + file + f"\r\n--{_BOUNDARY}--\r\n".encode()
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
    }
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("POST", _ADDRESS, body, headers)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    assert response.status in statuses, (response.status, text)


def _resident_bytes(process_id: int, kind: str) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the kernel does not say {kind}")


def _forget_peak(process_id: int) -> None:
    Path(f"/proc/{process_id}/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    if sys.platform != "linux":
        sys.exit("this reads /proc")
    for figure in figures():
        print(figure.to_json(), flush=True)
