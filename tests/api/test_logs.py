"""A submission's log as text: for its owner, and harmless wherever it is shown."""

from io import BytesIO

import pytest
from typer.testing import CliRunner

from cli.main import app
from core import db, submissions
from core.competitions import find_phase
from core.intake import Upload
from core.lifecycle import Verdict
from tests.support.api import run_all
from tests.support.competition import HONEST
from tests.support.serving import served

CLIPBOARD = "\x1b]52;c;ZXZpbA==\x07"
COLOUR = "\x1b[31mred\x1b[0m\x9b2J"
BIDI = "admin\u202egnp.exe\u2066"
MARKUP = "<script>alert(1)</script> [red]rich[/red]"
INVALID = b"\xff\xfe not text".decode(errors="replace")
LOG = f"{CLIPBOARD}\n{COLOUR}\n{BIDI}\nNUL \0\n{INVALID}\n{MARKUP}\n 10%|#\r 20%|##\r\n\tend"
SHOWN = """\
== run 0: nonzero_exit ==
\\x1b]52;c;ZXZpbA==\\x07
\\x1b[31mred\\x1b[0m\\x9b2J
admin\\u202egnp.exe\\u2066
NUL \N{REPLACEMENT CHARACTER}
\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} not text
<script>alert(1)</script> [red]rich[/red]
 10%|#
 20%|##
\tend
"""


@pytest.fixture
def submission(competition, ada):
    return _failed(ada, "check")


def _failed(owner, phase):
    with db.transaction() as session:
        found = find_phase(session, "faces", phase)
        made = submissions.accept(session, found, owner.user, Upload("s.py", BytesIO(HONEST))).submission
    run_all(made.id, verdict=Verdict.NONZERO_EXIT, log=LOG)
    return made


def read(client, submission, owner):
    return client.get(f"/api/v1/submissions/{submission.id}/log", headers=owner.headers)


def test_log_is_plain_text_with_nothing_that_acts(client, submission, ada):
    response = read(client, submission, ada)
    assert (response.status_code, response.text) == (200, SHOWN)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_log_is_its_owners_and_the_organizers_alone(client, submission, make_participant, olga):
    assert read(client, submission, make_participant("bob")).status_code == 404
    assert read(client, submission, olga).status_code == 200
    assert client.get(f"/api/v1/submissions/{submission.id}/log").status_code == 401


def test_log_of_a_hidden_phase_is_only_which_run_failed(client, competition, ada):
    assert read(client, _failed(ada, "feedback"), ada).text == "== run 0: nonzero_exit ==\n"


def test_logs_command_prints_nothing_that_a_terminal_obeys(application, submission, ada):
    token = ada.headers["Authorization"].removeprefix("Bearer ")
    with served(application) as url:
        ended = CliRunner().invoke(
            app, ["logs", str(submission.id)], env={"LETHE_TOKEN": token, "LETHE_URL": url}
        )
    assert (ended.exit_code, ended.stdout) == (0, SHOWN)


def test_logs_command_does_not_trust_the_server(monkeypatch):
    monkeypatch.setattr("cli.client.Client.log", lambda *_: LOG)
    ended = CliRunner().invoke(app, ["logs", "any", "--token", "any"])
    assert not set(ended.stdout) & set("\x1b\x07\x9b\u202e\u2066\0\r")
