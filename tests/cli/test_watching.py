"""`lethe watch` against a server of the test's own, which breaks off in the middle."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from cli import client
from cli.main import app


def _state(state, **changes):
    shown = {"state": state, "runs_done": 0, "n_models": 4, "score": None, "message": ""} | changes
    return f"id: {state}\nevent: state\ndata: {json.dumps(shown)}\n\n".encode()


FINISHED = _state("finished", runs_done=4, score={"final_score": 0.25})
FAILED = _state("failed", message="Run 1: \x1b[31mred")


@pytest.fixture
def watch(monkeypatch):
    """Return a function that runs `lethe watch`; each part of the answer ends its connection."""
    monkeypatch.setattr(client, "_RECONNECT_S", 0.01)
    monkeypatch.setattr(client, "_MAX_FAILURES", 2)

    def run(*parts):
        waiting, seen = list(parts), []

        class Server(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers.get("Last-Event-ID"))
                part = waiting.pop(0)
                self.send_response(200 if isinstance(part, bytes) else part)
                self.end_headers()
                if isinstance(part, bytes):
                    self.wfile.write(b": ping\n\n" + part)

            def log_message(self, *_args):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            url = f"http://127.0.0.1:{server.server_port}"
            ended = CliRunner().invoke(app, ["watch", "1", "--token", "t", "--url", url])
            server.shutdown()
            thread.join()
        return ended, seen

    return run


def test_watch_goes_on_where_the_connection_broke(watch):
    ended, seen = watch(_state("queued") + _state("running", runs_done=2) + b"id: x\nda", FINISHED)
    assert ended.stdout.splitlines() == [
        "queued  0/4 runs",
        "running  2/4 runs",
        "finished  4/4 runs  score 0.2500",
    ]
    assert (ended.exit_code, seen) == (0, [None, "running"])


def test_watch_of_a_failure_ends_with_status_one_and_prints_no_control_characters(watch):
    ended, _ = watch(FAILED)
    assert ended.exit_code == 1
    assert "\x1b" not in ended.stdout


def test_watch_that_is_refused_says_why(watch):
    ended, _ = watch(404)
    assert (ended.exit_code, "answered 404" in ended.stderr.replace("\n", " ")) == (1, True)


def test_watch_gives_up_a_server_that_is_gone():
    client_ = client.Client("http://127.0.0.1:1", "t")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "_RECONNECT_S", 0.01)
        patch.setattr(client, "_MAX_FAILURES", 2)
        with pytest.raises(client.ApiError, match="does not answer"):
            next(client_.events("1"))
