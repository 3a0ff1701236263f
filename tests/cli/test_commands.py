"""The `lethe` command where no service need run: what it says when something is wrong."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scoring
from cli.main import app
from cli.supervisor import Service, _free_port
from core import db, rescoring, tokens
from core.models import Phase
from tests.support.competition import make_phase

runner = CliRunner()


def test_up_on_a_home_in_use_says_so(home: Path) -> None:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = runner.invoke(app, ["up", "--port", "0"])
    assert ended.exit_code == 1
    assert "running already" in ended.stderr.replace("\n", " ")


def test_up_with_a_home_too_long_for_a_socket_says_so(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.settings import get_settings

    long = tmp_path / ("x" * 100)
    monkeypatch.setenv("LETHE_HOME", str(long))
    monkeypatch.setenv("LETHE_BROKER_URL", "")
    get_settings.cache_clear()
    ended = runner.invoke(app, ["up", "--port", "0"])
    assert ended.exit_code == 1
    assert "set LETHE_HOME to a shorter one" in ended.stderr.replace("\n", " ")


def test_create_competition_wrong_file_names_the_fault(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "competition.yaml"
    path.write_text("version: 2\nslug: demo\ntitle: Demo\nphases: []\n")
    ended = runner.invoke(app, ["create-competition", str(path)])
    assert ended.exit_code == 1
    assert "phases" in ended.stderr


def test_create_user_prints_a_token_that_works(home: Path) -> None:
    token = runner.invoke(app, ["create-user", "ann"]).stdout.strip()
    with db.reading() as session:
        assert tokens.authenticate(session, token).user.name == "ann"


def test_create_user_is_an_admin_when_asked_and_stays_one(home: Path) -> None:
    def is_admin(*options: str) -> bool:
        token = runner.invoke(app, ["create-user", "ann", *options]).stdout.strip()
        with db.reading() as session:
            return tokens.authenticate(session, token).user.is_admin

    assert not is_admin()
    assert is_admin("--admin")
    assert is_admin()


def test_status_says_how_far_a_rescoring_is_and_what_of_it_failed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(scoring.VERSIONS, "test-2", scoring.score)
    phase = make_phase()
    assert runner.invoke(app, ["status", "demo"]).stdout == "check: ready, 0/9 models, metric neurips2023-1\n"
    with db.transaction() as session:
        rescoring.request(session, phase.id, "test-2")
    assert "rescoring under test-2: 0/1 scores\n" in runner.invoke(app, ["status", "demo"]).stdout
    with db.transaction() as session:
        session.get_one(Phase, phase.id).rescoring_problem = "the baselines: a bug"
    assert "0/1 scores; failed: the baselines: a bug\n" in runner.invoke(app, ["status", "demo"]).stdout


def test_submit_to_nobody_says_so(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "submission.py"
    path.write_text("def unlearning(net, retain, forget, val): pass\n")
    arguments = ["submit", "demo", "check", str(path), "--token", "x", "--url", "http://127.0.0.1:1"]
    ended = runner.invoke(app, arguments)
    assert ended.exit_code == 1
    assert "http://127.0.0.1:1" in ended.stderr


def test_free_port_taken_gives_another() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert _free_port(port) not in {0, port}


def test_service_stops_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    service = Service("sleeper", command, log_path=tmp_path / "sleeper.log", environment={})
    service.start()
    assert isinstance(service.process, subprocess.Popen)
    assert service.process.poll() is None
    service.stop()
    assert service.process.poll() is not None
