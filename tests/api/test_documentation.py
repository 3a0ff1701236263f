"""docs/api.md and docs/authorization.md: their tables are those of the code, and their examples run."""

import os
import re
import subprocess

import pytest

from api import tables
from tests.support.serving import served
from tests.support.world import make_world

PAGES = ("api.md", "authorization.md")
EXAMPLES = re.findall(r"```sh\n(.*?)```", (tables.DOCS / "api.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.parametrize("name", PAGES)
def test_tables_are_those_of_the_code(name):
    path = tables.DOCS / name
    assert tables.up_to_date(path) == path.read_text(encoding="utf-8"), "run: python -m api.tables"


def test_every_kind_of_problem_and_every_address_is_in_its_table():
    assert tables.problems().count("urn:lethe:problem:") > 20
    assert "| 429 | `urn:lethe:problem:rate-limited` |" in tables.problems()
    assert "| `GET /api/v1/workers` | admins | `admin` |" in tables.access()


def test_examples_run_as_they_stand(application, client, tmp_path):
    world = make_world()
    with served(application) as url:
        known = {
            "LETHE": url,
            "TOKEN": world.people["ann"].token["Authorization"].removeprefix("Bearer "),
            "SUBMISSION": world.own["submission_id"],
        }
        for example in EXAMPLES:
            command = ["bash", "-euo", "pipefail", "-c", example]
            done = subprocess.run(
                command,
                env={**os.environ, **known},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, (example, done.stdout, done.stderr)
            assert "etag.txt" in example or done.stdout, example
    assert len(EXAMPLES) == 8
