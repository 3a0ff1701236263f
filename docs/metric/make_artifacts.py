"""Makes the artifacts that the plots are drawn from: a whole competition, 64 models a side, on this machine.

Run as `LETHE_HOME=HOME python docs/metric/make_artifacts.py FOLDER`. It takes half an hour or so, and goes on
where it was ended.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from cli.client import Client
from cli.supervisor import Supervisor
from core import accounts, competitions, db
from core.models import Competition

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parent.parent / "submissions_sandbox" / "examples"
_SUBMISSIONS = {
    "retrain": _EXAMPLES / "retrain.py",
    "finetune": _EXAMPLES / "finetune.py",
    "gradient_ascent_then_finetune": _EXAMPLES / "gradient_ascent_then_finetune.py",
    "weight_noise": _EXAMPLES / "weight_noise.py",
    "coin_flip": _HERE / "submissions" / "coin_flip.py",
}
_POLL_S = 2.0


def main(folder: Path) -> None:
    """Run the competition in the home of the settings, and write each submission's artifact into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with Supervisor(port=0) as supervisor:
        _create_competition()
        organizer = _client(supervisor, "organizer", admin=True)
        _wait(supervisor, lambda: organizer.phase("metric", "check")["state"] == "ready")
        for name, path in _SUBMISSIONS.items():
            participant = _client(supervisor, name)
            submission_id = participant.submit("metric", "check", path)["id"]
            _wait(supervisor, _has_finished(participant, submission_id))
            (folder / f"{name}.safetensors").write_bytes(organizer.artifact(submission_id))
            print(name, f"{participant.submission(submission_id)['score']['final_score']:.4f}", flush=True)


def _create_competition() -> None:
    spec = competitions.read_spec(_HERE / "competition.yaml")
    with db.transaction() as session:
        if session.scalar(select(Competition.id).where(Competition.slug == spec.slug)) is None:
            competitions.create(session, spec)


def _client(supervisor: Supervisor, name: str, *, admin: bool = False) -> Client:
    with db.transaction() as session:
        token = accounts.create_user(session, name, admin=admin).token
    return Client(supervisor.url, token)


def _has_finished(participant: Client, submission_id: str) -> Callable[[], bool]:
    return lambda: participant.submission(submission_id)["state"] == "finished"


def _wait(supervisor: Supervisor, is_done: Callable[[], bool]) -> None:
    while not is_done():
        supervisor.watch()
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
