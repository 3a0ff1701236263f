"""Uploading: what is accepted, what is refused and in which words, and that nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
import redis
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from api.uploads import clean_filename
from core import db, programs, queue
from core.competitions import find_phase
from core.lifecycle import PhaseState
from core.models import Shard, Submission, Work
from core.storage import storage
from tests.support.api import HIDDEN, PHASE, Streamed, on_both_databases, stream
from tests.support.competition import HONEST
from tests.support.uploads import notebook_of, zip_of

GOOD = {"file": ("submission.py", HONEST)}


def count(model, *where):
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(model).where(*where))


def upload(client, participant, files=GOOD, **kwargs):
    return client.post(f"{PHASE}/submissions", files=files, headers=participant.headers, **kwargs)


def assert_problem(response, status, *words):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    for word in words:
        assert word in problem["detail"]


@on_both_databases
def test_upload_of_good_file_is_created_and_queued(client, competition, ada):
    response = upload(client, ada)
    answer = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/submissions/{answer['id']}"
    assert answer == {
        "id": answer["id"],
        "competition": "faces",
        "phase": "check",
        "filename": "submission.py",
        "sha256": storage().put(HONEST),
        "size_bytes": len(HONEST),
        "state": "queued",
        "verdict": None,
        "message": "",
        "warnings": [],
        "runs_done": 0,
        "n_models": 4,
        "score": None,
        "team": "ada",
        "submitter": "ada",
        "selected": False,
        "superseded": False,
        "rerun_of": None,
        "origin": None,
        "disqualified": None,
        "created_at": answer["created_at"],
        "started_at": None,
        "ended_at": None,
    }
    assert storage().get(answer["sha256"]) == HONEST
    assert client.get(response.headers["location"], headers=ada.headers).json() == answer


@on_both_databases
def test_upload_is_committed_before_it_is_enqueued(client, competition, ada, monkeypatch):
    sent = []

    def send(message):
        with db.reading() as session:  # another connection sees only what is committed
            sent.append(session.get(Shard, message.shard_id))
        return True

    monkeypatch.setattr(queue, "send", send)
    upload(client, ada)
    assert [(shard.start, shard.stop) for shard in sent] == [(0, 2), (2, 4)]


def test_upload_reaches_the_broker_as_one_message_per_shard(client, competition, ada, broker_url):
    with redis.Redis.from_url(broker_url) as broker:
        before = broker.llen(queue.RUNS_QUEUE)
        upload(client, ada)
        assert broker.llen(queue.RUNS_QUEUE) == before + 2


@on_both_databases
def test_upload_whose_commit_fails_is_never_answered_as_created(client, competition, ada):
    def fail(_session):
        raise OperationalError("COMMIT", None, Exception("disk full"))

    event.listen(Session, "before_commit", fail)
    try:
        response = upload(client, ada)
    finally:
        event.remove(Session, "before_commit", fail)
    assert response.status_code == 503
    assert "disk full" not in response.text
    assert count(Submission) == 0
    assert upload(client, ada).status_code == 202


@on_both_databases
def test_upload_while_the_broker_is_down_is_accepted_and_its_shards_wait(
    client, competition, ada, home, monkeypatch
):
    down = queue.make_app(f"redis+socket://{home / 'nobody-listens.sock'}")
    monkeypatch.setattr(queue, "app", down)
    with capture_logs() as logs:
        response = upload(client, ada)
    assert response.status_code == 202
    assert [event["event"] for event in logs] == ["enqueue_failed"]  # once, not once per shard
    assert response.json()["state"] == "queued"
    assert count(Shard, Shard.work == Work.RUNS, Shard.done.is_(False)) == 2


@on_both_databases
def test_same_bytes_again_are_the_same_submission(client, competition, ada, make_participant):
    first = upload(client, ada)
    again = upload(client, ada, {"file": ("renamed.py", HONEST)})
    assert again.status_code == 200
    assert again.json() == first.json()
    other = upload(client, make_participant("bob"))
    assert other.status_code == 202
    assert other.json()["id"] != first.json()["id"]
    assert count(Submission) == 2


@on_both_databases
def test_same_bytes_twice_at_the_same_time_make_one_submission(client, competition, ada):
    barrier = Barrier(4)

    def send(_):
        barrier.wait()
        return upload(client, ada)

    with ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(send, range(4)))
    assert sorted(response.status_code for response in responses) == [200, 200, 200, 202]
    assert len({response.json()["id"] for response in responses}) == 1
    assert count(Submission) == 1
    assert count(Shard, Shard.work == Work.RUNS) == 2


NONSENSE = {
    "no unlearning": (b"x = 1\n", "submission.py", "no function `unlearning`"),
    "syntax error": (b"def unlearning(:\n", "submission.py", "Syntax error in line 1"),
    "three parameters": (
        b"def unlearning(net, retain, forget): pass\n",
        "submission.py",
        "takes 3 arguments",
    ),
    "five parameters": (b"def unlearning(a, b, c, d, e): pass\n", "submission.py", "requires `e`"),
    "async": (b"async def unlearning(a, b, c, d): pass\n", "submission.py", "async"),
    "null bytes": (b"\0" * 100, "submission.py", "null bytes"),
    "a picture": (b"\x89PNG\r\n\x1a\n\xff\xfe", "submission.py", "Syntax error"),
    "deeply nested": (b"x=" + b"-" * 100_000 + b"1", "submission.py", "cannot be parsed"),
    "empty": (b"", "submission.py", "no function `unlearning`"),
    "zip": (HONEST, "submission.zip", "not a zip file"),
    "no name": (HONEST, "  ", "`.py`"),
    "path for a name": (HONEST, "submission.py/", "`.py`"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_is_refused_with_a_reason_and_leaves_nothing(client, competition, ada, case):
    source, filename, reason = NONSENSE[case]
    assert_problem(upload(client, ada, {"file": (filename, source)}), 422, reason)
    assert count(Submission) == 0


def test_file_over_the_cap_is_refused(client, make_competition, ada):
    make_competition(limits={"upload_bytes": 1000})
    fits = HONEST + b"#" * (1000 - len(HONEST))
    assert_problem(upload(client, ada, {"file": ("s.py", fits + b"#")}), 413, "1,000 bytes")
    assert_problem(upload(client, ada, {"file": ("s.py", fits + b"#" * 200_000)}), 413, "1,000 bytes")
    assert upload(client, ada, {"file": ("s.py", fits)}).status_code == 202


def test_file_larger_than_any_submission_is_refused_whatever_the_caps_say(
    client, make_competition, ada, monkeypatch
):
    make_competition()
    monkeypatch.setattr(programs, "MAX_UPLOAD_BYTES", 1000)
    fits = HONEST + b"#" * (1000 - len(HONEST))
    assert_problem(upload(client, ada, {"file": ("s.py", fits + b"#")}), 413, "more than 1,000 bytes")
    assert upload(client, ada, {"file": ("s.py", fits)}).status_code == 202


def test_body_without_declared_length_is_read_no_further_than_the_cap(client, make_competition, ada):
    make_competition(limits={"upload_bytes": 1000})
    assert stream(client.app, ada.headers, chunks=100) == Streamed(413, chunks_taken=7)


def test_file_over_the_platforms_cap_is_refused_as_a_problem(client, make_competition, ada, monkeypatch):
    make_competition(limits={"upload_bytes": 2**40})
    response = client.post(
        f"{PHASE}/submissions",
        content=b"",
        headers=ada.headers
        | {"Content-Length": str(2**30), "Content-Type": "multipart/form-data; boundary=b"},
    )
    assert_problem(response, 413, f"{64 * 2**20:,} bytes")


@pytest.mark.parametrize(
    ("request_body", "status", "words"),
    [
        ({"files": {"other": ("s.py", HONEST)}}, 422, "no file in a field named `file`"),
        ({"data": {"file": "submission.py"}}, 422, "holds text, not a file"),
        ({"files": [("file", ("a.py", HONEST)), ("file", ("b.py", HONEST))]}, 400, "Too many files"),
        ({"json": {"file": "x"}}, 422, "multipart/form-data"),
        ({"content": HONEST}, 422, "multipart/form-data"),
        ({}, 422, "multipart/form-data"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
        (
            {"content": b"not a form", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
            400,
            "Invalid multipart",
        ),
        (
            {
                "content": b'--b\r\nContent-Disposition: form-data; name="file"; filename="s.py"\r\n\r\nx',
                "headers": {"Content-Type": "multipart/form-data; boundary=b"},
            },
            422,
            "no file in a field named `file`",
        ),
    ],
)
# Starlette leaves the file of a form that ends in its middle to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_malformed_form_is_refused_with_a_reason(client, competition, ada, request_body, status, words):
    headers = ada.headers | request_body.get("headers", {})
    response = client.post(f"{PHASE}/submissions", **request_body | {"headers": headers})
    assert_problem(response, status, words)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer lethe_wrong"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
    ],
)
def test_upload_without_a_known_token_is_refused_before_the_body_is_read(client, competition, headers):
    response = client.post(f"{PHASE}/submissions", files=GOOD, headers=headers)
    assert_problem(response, 401, "oken")
    assert response.headers["www-authenticate"] == "Bearer"
    assert stream(client.app, headers, chunks=100) == Streamed(401, chunks_taken=0)


@on_both_databases
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/competitions/nowhere/phases/check/submissions",
        "/api/v1/competitions/faces/phases/nowhere/submissions",
        "/api/v1/competitions/faces/phases/check%00/submissions",
        "/api/v1/competitions/FACES/phases/check/submissions",
    ],
)
def test_upload_to_an_unknown_phase_is_not_found(client, competition, ada, path):
    assert_problem(client.post(path, files=GOOD, headers=ada.headers), 404)


def test_upload_to_a_phase_that_takes_none_is_refused_with_the_time(client, make_competition, ada):
    past, future = datetime(2001, 2, 3, tzinfo=UTC), datetime.now(UTC) + timedelta(days=1)
    make_competition(start=past - timedelta(days=1), end=past)
    assert_problem(upload(client, ada), 409, "closed at 2001-02-03 00:00:00 UTC")
    with db.transaction() as session:
        phase = find_phase(session, "faces", "check")
        phase.closes_at, phase.opens_at = None, future
    assert_problem(upload(client, ada), 409, f"opens at {future:%Y-%m-%d %H:%M:%S} UTC")


def test_upload_to_a_phase_that_is_not_ready_is_refused(client, make_competition, ada):
    make_competition(state=PhaseState.PREPARING)
    assert_problem(upload(client, ada), 409, "still being prepared")


@on_both_databases
def test_hostile_file_name_is_stored_as_a_plain_one(client, competition, ada):
    name = "..\\../etc/\u202eyp.\x1b[31m<script>alert(1)</script>" + "x" * 500 + ".py"
    answer = upload(client, ada, {"file": (name, HONEST)}).json()
    assert answer["filename"] == clean_filename(name)
    assert count(Submission, Submission.filename == answer["filename"]) == 1


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a/b\\submission.py", "submission.py"),
        ("C:\\my files\\läufe 1.py", "läufe 1.py"),
        ("\u202eyp.x\x00\x1b[31m\n.py", "yp.x[31m.py"),
        ("x" * 300 + ".py", "x" * 197 + ".py"),
        ("x" * 300 + ".ipynb", "x" * 194 + ".ipynb"),
        ("/", ""),
        ("\udcff.py", ".py"),
    ],
)
def test_clean_filename_keeps_what_is_harmless(name, clean):
    assert clean_filename(name) == clean


def test_upload_to_hidden_phase_is_taken_too(client, competition, ada):
    assert client.post(f"{HIDDEN}/submissions", files=GOOD, headers=ada.headers).status_code == 202


@on_both_databases
def test_upload_of_a_notebook_says_what_is_run(client, competition, ada):
    notebook = notebook_of("!pip install timm", "K = 1\nprint(K)", HONEST.decode())
    answer = upload(client, ada, {"file": ("mine.ipynb", notebook)}).json()
    assert answer["filename"] == "mine.ipynb"
    assert [warning.partition(":")[0] for warning in answer["warnings"]] == [
        "Only what `unlearning` needs is run",
        "Left out",
    ]
    assert "code cell 1, line 1 `!pip install timm`" in answer["warnings"][1]
    shown = client.get(f"/api/v1/submissions/{answer['id']}", headers=ada.headers).json()
    assert shown["warnings"] == answer["warnings"]
    assert storage().get(answer["sha256"]) == notebook


def test_upload_of_an_archive_is_taken_and_a_broken_one_refused(client, competition, ada):
    archive = zip_of({"submission.py": b"import losses\n" + HONEST, "losses.py": ""})
    assert upload(client, ada, {"file": ("mine.zip", archive)}).status_code == 202
    assert_problem(upload(client, ada, {"file": ("mine.zip", archive[:-9])}), 422, "not a zip file")
    assert count(Submission) == 1
