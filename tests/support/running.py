"""A running installation: `lethe up` as a process of its own, driven over HTTP as a participant would."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

_START_TIMEOUT_S = 90.0

TINY_PHASE: dict[str, Any] = {
    "slug": "check",
    "name": "Check",
    "n_models": 3,
    "runs_per_shard": 2,
    "show_logs": True,
    "dataset": {
        "kind": "synthetic",
        "n_people": 80,  # enough for every model to be right now and then: a ratio to 0 is an error
        "images_per_person": 2,
        "n_forget_people": 4,
        "n_val_people": 4,
        "n_test_people": 60,
    },
    "architecture": {"width": 4},
    "recipe": {"epochs": 2, "batch_size": 16, "learning_rate": 0.002},
    "limits": {"run_timeout_s": 20, "memory_bytes": 2**30, "log_bytes": 4096},
}


class Installation:
    """One home folder, and the processes that serve it."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        own = {"LETHE_HOME": str(home), "LETHE_BROKER_URL": "", "LETHE_SWEEP_INTERVAL_S": "1"}
        self.environment = {**os.environ, **own, **environment}
        self.url = ""
        # One for all requests, since to make one reads all certificates; no connection outlives its answer.
        self._client = httpx2.Client(timeout=30, limits=httpx2.Limits(max_keepalive_connections=0))
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start `lethe up` and wait until it says where it serves."""
        self._process = subprocess.Popen(
            [*_LETHE, "up", "--port", "0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        printed = ""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            if select.select([self._process.stdout], [], [], 0.2)[0]:
                printed += self._process.stdout.readline()
            if found := re.search(r"http://127\.0\.0\.1:\d+", printed):
                self.url = found.group()
                return
        self.kill()
        raise AssertionError(f"lethe up did not start:\n{printed}\n{self.logs()}")

    def stop(self) -> None:
        """End everything as Ctrl-C does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self._close()

    def kill(self) -> None:
        """End the first process as a power cut would; its children must follow."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._close()

    def lethe(self, *arguments: str) -> str:
        """Run the `lethe` command on this installation and return what it printed."""
        ended = subprocess.run(
            [*_LETHE, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def create_competition(self, *, hidden: bool = False, **changes: object) -> None:
        """Create the competition `demo` with a tiny phase `check` and wait until it is ready.

        With `hidden` it gets another phase of that name, the same but that it gives nothing back.
        """
        path = self.home / "competition.yaml"
        phases = [TINY_PHASE | changes]
        if hidden:
            phases.append(phases[0] | {"slug": "hidden", "name": "Hidden", "show_logs": False})
        # JSON is YAML, without the anchors that a dumper gives to what two phases share.
        path.write_text(json.dumps({"version": 2, "slug": "demo", "title": "Demo", "phases": phases}))
        self.lethe("create-competition", str(path))
        for phase in phases:
            address = f"/competitions/demo/phases/{phase['slug']}"
            self.wait(lambda address=address: self.get(address)["state"] == "ready")

    def get(self, address: str, token: str | None = None) -> dict[str, Any]:
        """Return the JSON that the API answers."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = self._client.get(f"{self.url}/api/v1{address}", headers=headers)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer

    def upload(
        self,
        source: bytes,
        token: str,
        *,
        filename: str = "submission.py",
        competition: str = "demo",
        phase: str = "check",
    ) -> httpx2.Response:
        """Upload a submission."""
        return self._client.post(
            f"{self.url}/api/v1/competitions/{competition}/phases/{phase}/submissions",
            headers={"Authorization": f"Bearer {token}"},
            files={"file": (filename, source)},
        )

    def wait_for_end(self, submission_id: str, token: str) -> dict[str, Any]:
        """Wait until a submission has ended and return it."""
        ended = {"finished", "failed", "cancelled"}
        self.wait(lambda: self.get(f"/submissions/{submission_id}", token)["state"] in ended)
        return self.get(f"/submissions/{submission_id}", token)

    def wait(self, holds: Any, timeout_s: float = 120.0) -> None:
        """Wait until `holds()`."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert time.monotonic() < deadline, f"nothing after {timeout_s} s:\n{self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        """Return the ends of all logs."""
        parts = [f"== {path.name}\n{path.read_text()[-4000:]}" for path in self.home.glob("logs/*.log")]
        return "\n".join(parts)

    def pids(self, *words: str) -> list[int]:
        """Return the processes of this installation whose command line holds all these words."""
        mark = f"LETHE_HOME={self.home}".encode()
        found = []
        for process in Path("/proc").iterdir():
            if not process.name.isdigit():
                continue
            try:
                is_ours = mark in (process / "environ").read_bytes().split(b"\0")
                command = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if is_ours and all(word.encode() in command for word in words):
                found.append(int(process.name))
        return found

    def _close(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.stdout.close()


_LETHE = [sys.executable, "-m", "cli"]
