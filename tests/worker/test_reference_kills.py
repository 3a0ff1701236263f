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

N_MODELS = 5
KILLS = 5
SEED = 2023


class Workers:
    """Worker processes, one at a time."""

    def __init__(self, log: Path) -> None:
        command = [sys.executable, "-m", "tests.support.shard_worker"]
        with log.open("wb") as errors:
            self._forker = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def start(self, home: Path) -> int:
        """Start a worker and return its pid."""
        assert self._forker.stdin is not None
        self._forker.stdin.write(f"{home}\n")
        self._forker.stdin.flush()
        return int(self._read())

    def wait(self) -> int:
        """Wait for the worker to end and return its exit status."""
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


def _seconds_per_model(home: Path) -> float:
    connection = sqlite3.connect(home / "lethe.db")
    seconds: float = connection.execute("SELECT min(seconds) FROM reference_model").fetchone()[0]
    connection.close()
    return seconds


def _copy(home: Path, target: Path) -> None:
    """Copy an installation in which nothing has been done yet: the seeds are the same."""
    target.mkdir()
    one, other = sqlite3.connect(home / "lethe.db"), sqlite3.connect(target / "lethe.db")
    one.backup(other)
    one.close()
    other.close()


def _wait_for_models(home: Path, count: int) -> None:
    while len(_stored(home)) < min(count, 2 * N_MODELS):
        time.sleep(0.02)


@pytest.mark.timeout(60 + 10 * KILLS)
def test_killed_build_gives_the_bits_of_an_undisturbed_one(
    home: Path, sent: list[queue.Message], tmp_path: Path, workers: Workers
) -> None:
    recipe = {"epochs": 4, "batch_size": 8}
    dataset = {"kind": "synthetic", **FACES}
    make_phase(ready=False, n_models=N_MODELS, dataset=dataset, architecture={"width": 4}, recipe=recipe)
    killed = tmp_path / "killed"
    _copy(home, killed)

    workers.start(home)
    assert workers.wait() == 0
    expected = _stored(home)
    assert len(expected) == 2 * N_MODELS

    moments, counts = random.Random(SEED), []
    for _ in range(KILLS):
        before, pid = len(_stored(killed)), workers.start(killed)
        _wait_for_models(killed, before + moments.randint(0, 1))
        time.sleep(moments.uniform(0.0, 1.5 * _seconds_per_model(home)))
        with suppress(ProcessLookupError):  # it has come to its end
            os.kill(pid, signal.SIGKILL)
        workers.wait()
        counts.append(len(_stored(killed)))
    print(f"models stored when killed: {counts}")
    assert len(set(counts)) >= 3
    workers.start(killed)
    assert workers.wait() == 0
    assert _stored(killed) == expected
