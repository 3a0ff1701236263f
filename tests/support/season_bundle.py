"""The competition that is played: three phases over four months, as its organizers would write it."""

import io
import zipfile
from datetime import datetime
from typing import Any

import yaml

FACES = {"n_people": 12, "images_per_person": 1, "n_forget_people": 3, "n_val_people": 2, "n_test_people": 8}


def moment(text: str) -> datetime:
    """Return a time in UTC, as `2023-07-03 12:00`."""
    return datetime.fromisoformat(f"{text}+00:00")


def _phase(slug: str, *, start: datetime, end: datetime, seed: int, **rules: Any) -> dict[str, Any]:
    dataset = {"kind": "synthetic", **FACES, "seed": seed}
    return {"slug": slug, "name": slug.title(), "start": start, "end": end, "dataset": dataset} | {
        "n_models": 4,
        "runs_per_shard": 4,
        **rules,
    }


BUNDLE = {
    "version": 2,
    "slug": "season",
    "title": "A Season",
    "published": False,
    "terms": "terms.md",
    "team_deadline": moment("2023-08-01 00:00"),
    "max_team_size": 5,
    "phases": [
        _phase(
            "check",
            start=moment("2023-06-15 00:00"),
            end=moment("2023-07-15 00:00"),
            seed=1,
            hide_output=False,
            quotas={"concurrent": 3},
            max_submissions_per_day=2,
            max_submissions=5,
        ),
        _phase(
            "feedback",
            start=moment("2023-07-15 00:00"),
            end=moment("2023-09-01 00:00"),
            seed=2,
            max_submissions_per_day=3,
            max_selected=2,
        ),
        _phase(
            "final",
            start=moment("2023-09-01 00:00"),
            end=moment("2023-09-30 00:00"),
            seed=3,
            uploads=False,
            auto_migrate_to_this_phase=True,
            max_selected=2,
            score_decimals=3,
            leaderboard={"visibility": "hidden"},
        ),
    ],
}


def make_bundle(**changes: Any) -> bytes:
    """Return the bundle as a ZIP, with changes to its competition.yaml."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("competition.yaml", yaml.safe_dump(BUNDLE | changes))
        archive.writestr("terms.md", "Play fair.")
    return buffer.getvalue()
