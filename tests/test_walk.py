"""The whole walk of a submission, over HTTP, through broker, worker, sandbox and evaluator."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from faces import folder
from faces.album import Album
from faces.splitting import SplitPlan, split
from faces.synthetic import SyntheticFaces, render
from tests.support.competition import HONEST
from tests.support.running import TINY_PHASE, Installation

pytestmark = [pytest.mark.bubblewrap, pytest.mark.timeout(240)]

_SLOW = b"""
import time


def unlearning(net, retain, forget, val):
    time.sleep(1.5)
"""


@pytest.fixture(scope="module")
def lethe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A running installation whose phase is ready; its sandbox is bubblewrap."""
    home = tmp_path_factory.mktemp("walk") / "home"
    home.mkdir()
    installation = Installation(home, LETHE_SANDBOX="bubblewrap")
    installation.start()
    try:
        installation.create_competition()
        yield installation
    finally:
        installation.stop()
    assert installation.pids() == []


def test_walk_finished_submission_stands_on_the_leaderboard(lethe: Installation) -> None:
    token = lethe.lethe("create-user", "ranked")
    uploaded = lethe.upload(b"def unlearning(net, retain, forget, val):\n    print('hello')\n", token).json()
    ended = lethe.wait_for_end(uploaded["id"], token)
    assert ended["score"]["n_models"] == 3
    board = lethe.get("/competitions/demo/phases/check/leaderboard")
    assert uploaded["id"] in [row["submission_id"] for row in board["rows"]]
    assert {baseline["name"] for baseline in board["baselines"]} == {"ceiling", "floor"}
    runs = lethe.get(f"/submissions/{uploaded['id']}/runs", token)["runs"]
    assert [(run["run_index"], run["verdict"], run["log"]) for run in runs] == [
        (index, "ok", "hello\n") for index in range(3)
    ]


def test_walk_from_an_album_of_faces_over_a_bundle_folder_to_a_score(
    lethe: Installation, tmp_path: Path
) -> None:
    drawn = render(SyntheticFaces(n_people=120, images_per_person=2, n_forget_people=1)).retain
    n = len(drawn)
    album = Album(
        images=drawn.images,
        age=drawn.age,
        person_id=drawn.person_id,
        image_id=np.arange(n),
        names=tuple(f"{row}.png" for row in range(n)),
        people=tuple(map(str, range(drawn.person_id.max() + 1))),
        splits=(None,) * n,
        age_span=(0, 99),
        provenance={"kind": "synthetic"},
        licence="CC0-1.0",
    )
    plan = SplitPlan(train_share=0.5, test_share=0.4, n_forget=4)
    folder.write(split(album, plan), tmp_path / "faces")
    phase = TINY_PHASE | {"dataset": {"kind": "bundle", "path": "faces"}}
    competition = {"version": 2, "slug": "album", "title": "Album", "phases": [phase]}
    (tmp_path / "competition.yaml").write_text(yaml.safe_dump(competition))
    lethe.lethe("create-competition", str(tmp_path / "competition.yaml"))
    lethe.wait(lambda: lethe.get("/competitions/album/phases/check")["state"] == "ready")
    token = lethe.lethe("create-user", "of-the-album")
    uploaded = lethe.upload(HONEST, token, competition="album").json()
    assert lethe.wait_for_end(uploaded["id"], token)["score"]["n_models"] == 3


def test_worker_killed_in_a_run_resumes_there(lethe: Installation) -> None:
    token = lethe.lethe("create-user", "killed-worker")
    submission_id = lethe.upload(_SLOW + b"# worker", token).json()["id"]
    address = f"/submissions/{submission_id}/runs"
    lethe.wait(lambda: len(lethe.get(address, token)["runs"]) >= 1)
    before = {run["run_index"]: run["seconds"] for run in lethe.get(address, token)["runs"]}
    for pid in lethe.pids("-m", "worker"):
        if "sweeper" not in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
    ended = lethe.wait_for_end(submission_id, token)
    assert (ended["state"], ended["runs_done"]) == ("finished", 3)
    after = {run["run_index"]: run["seconds"] for run in lethe.get(address, token)["runs"]}
    assert before.items() <= after.items()


def test_broker_killed_loses_nothing(lethe: Installation) -> None:
    token = lethe.lethe("create-user", "killed-broker")
    for pid in lethe.pids("--unixsocket"):
        os.kill(pid, signal.SIGKILL)
    uploaded = lethe.upload(_SLOW + b"# broker", token)
    assert uploaded.status_code == 202
    assert lethe.wait_for_end(uploaded.json()["id"], token)["state"] == "finished"


def test_everything_killed_goes_on_after_the_next_start(lethe: Installation) -> None:
    token = lethe.lethe("create-user", "killed-all")
    submission_id = lethe.upload(_SLOW + b"# all", token).json()["id"]
    address = f"/submissions/{submission_id}/runs"
    lethe.wait(lambda: len(lethe.get(address, token)["runs"]) >= 1)
    lethe.kill()
    lethe.wait(lambda: lethe.pids() == [], timeout_s=20)
    lethe.start()
    assert lethe.wait_for_end(submission_id, token)["state"] == "finished"
