"""`lethe demo --exit`, alias `make run ARGS=--exit`: real scores in a sane order, nothing done twice."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(1200)]

_ROW = re.compile(r"^ *(?P<rank>\d*) +(?P<words>[a-z_. ]+?) +(?P<score>\d\.\d{4}) ", re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder that both runs of the demo share."""
    return tmp_path_factory.mktemp("demo") / "home"


def _demo(home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LETHE_HOME": str(home), "LETHE_BROKER_URL": "", "COLUMNS": "100"}
    command = [sys.executable, "-m", "cli", "demo", "--exit", "--port", "0"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def _scores(printed: str) -> dict[str, float]:
    return {row["words"].split()[-1]: float(row["score"]) for row in _ROW.finditer(printed)}


def _count_references(home: Path) -> int:
    engine = create_engine(f"sqlite:///{home / 'lethe.db'}")
    with engine.connect() as connection:
        found: int = connection.execute(text("SELECT count(*) FROM reference_model")).scalar_one()
    engine.dispose()
    return found


def test_demo_gives_a_sane_leaderboard(home: Path, record_property: Callable[[str, object], None]) -> None:
    started = time.monotonic()
    ended = _demo(home)
    record_property("seconds", time.monotonic() - started)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    scores = _scores(ended.stdout)
    assert len(scores) == 7, ended.stdout
    ceiling, floor = scores["ceiling"], scores["floor"]
    assert scores["do_nothing.py"] == pytest.approx(floor, abs=0.1 * ceiling)
    assert 0.6 * ceiling < scores["retrain.py"] < 1.6 * ceiling
    methods = ("finetune.py", "gradient_ascent_then_finetune.py", "reset_layers_then_finetune.py")
    assert any(scores["do_nothing.py"] < scores[method] < scores["retrain.py"] for method in methods)
    assert _count_references(home) == 32


def test_demo_again_does_not_train_or_run_anything_again(home: Path) -> None:
    database = home / "lethe.db"
    engine = create_engine(f"sqlite:///{database}")

    def facts() -> list[object]:
        queries = (
            "SELECT id, created_at FROM run ORDER BY id",
            "SELECT id, final_score FROM score ORDER BY id",
        )
        with engine.connect() as connection:
            return [tuple(row) for query in queries for row in connection.execute(text(query))]

    before = facts()
    assert len(before) == 16 * 5 + 5
    ended = _demo(home)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert facts() == before
    assert _count_references(home) == 32
    engine.dispose()
