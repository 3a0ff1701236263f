"""A reference build that is killed again and again gives the bits of one that nobody disturbs."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core import queue
from tests.support.competition import make_phase
from tests.support.measured import FACES

N_MODELS = 4
KILLS = int(os.environ.get("LETHE_TEST_KILLS", "5"))


class Workers:
    """Worker processes, one at a time."""

    def __init__(self, log: Path) -> None:
        command = [sys.executable, "-m", "tests.support.shard_worker"]
        with log.open("wb") as errors:
            self._forker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def work(self, home: Path, *, kill_after_s: float | None = None) -> int:
        """Let a worker work to its end, or kill it after a while; return its exit status."""
        assert self._forker.stdin is not None
        self._forker.stdin.write(f"{home}\n")
        self._forker.stdin.flush()
        pid = int(self._read())
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            with suppress(ProcessLookupError):  # it has come to its end
                os.kill(pid, signal.SIGKILL)
        return int(self._read())

    def _read(self) -> str:
        assert self._forker.stdout is not None
        return self._forker.stdout.readline()

    def end(self) -> None:
        self._forker.communicate()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    """Return what starts workers."""
    started = Workers(tmp_path / "workers.log")
    yield started
    started.end()


def _stored(home: Path) -> dict[tuple[int, int], str]:
    """Return the evaluations of all reference models, by set and index."""
    query = "SELECT set_index, model_index, evaluation_sha256 FROM reference_model"
    connection = sqlite3.connect(home / "lethe.db")
    found = {(one, index): sha256 for one, index, sha256 in connection.execute(query)}
    connection.close()
    return found


def _copy(home: Path, target: Path) -> None:
    """Copy an installation in which nothing has been done yet: the seeds are the same."""
    target.mkdir()
    one, other = sqlite3.connect(home / "lethe.db"), sqlite3.connect(target / "lethe.db")
    one.backup(other)
    one.close()
    other.close()


@pytest.mark.timeout(60 + 10 * KILLS)
def test_killed_build_gives_the_bits_of_an_undisturbed_one(
    home: Path, sent: list[queue.Message], tmp_path: Path, workers: Workers
) -> None:
    recipe = {"epochs": 4, "batch_size": 8}
    dataset = {"kind": "synthetic", **FACES}
    make_phase(ready=False, n_models=N_MODELS, dataset=dataset, architecture={"width": 4}, recipe=recipe)
    killed = tmp_path / "killed"
    _copy(home, killed)

    started = time.monotonic()
    assert workers.work(home) == 0
    undisturbed_s = time.monotonic() - started
    expected = _stored(home)
    assert len(expected) == 2 * N_MODELS

    moments, counts = random.Random(2023), []
    while len(counts) < KILLS and len(_stored(killed)) < 2 * N_MODELS:
        workers.work(killed, kill_after_s=moments.uniform(0.0, undisturbed_s / 3))
        counts.append(len(_stored(killed)))
    print(f"undisturbed {undisturbed_s:.1f} s; models stored when killed: {counts}")
    assert len(counts) >= 3
    assert workers.work(killed) == 0
    assert _stored(killed) == expected
