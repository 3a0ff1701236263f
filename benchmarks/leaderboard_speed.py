"""The leaderboard of 1,000 teams, 20,000 submissions and 2 million runs, against a route that says hello.

One uvicorn process serves both in the same run, to four clients on kept connections. The same board is
measured with 200,000 runs and with 2 million: it must not depend on them. On SQLite, and on PostgreSQL where
`initdb` is installed.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

import migrations
from api.app import create_app
from benchmarks.figure import Figure, measure
from core import board, db
from core.models import Phase
from core.paging import Page
from core.settings import get_settings
from core.storage import storage
from tests.support.competition import make_phase
from tests.support.postgres import empty_database, running_server
from tests.support.requirements import find_program
from tests.support.standings import add_runs, fill_phase

_N_TEAMS, _SUBMISSIONS_PER_TEAM = 1000, 20
_FEW_RUNS, _MANY_RUNS = range(10), range(100)
_N_CLIENTS = 4
_READS = 15
_ROUNDS, _REQUESTS = 6, 100
_START_TIMEOUT_S = 30.0
_JSON = "/api/v1/competitions/demo/phases/check/leaderboard"
_PAGE = "/competitions/demo/phases/check/leaderboard"
_HELLO = "/hello"
_UNLIMITED = {"LETHE_READS_PER_MINUTE": "0"}


@dataclass(frozen=True)
class Load:
    """How one address did: requests per second over all clients, and seconds of single requests."""

    name: str
    per_second: float
    p50_s: float
    p99_s: float


@dataclass(frozen=True)
class Request:
    """What is asked for, and the answer that it must have."""

    name: str
    path: str
    status: int = 200
    etag: str = ""


def hello_app() -> FastAPI:
    """Return Lethe's application with one more route."""
    app = create_app()

    @app.get(_HELLO)
    def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def figures() -> Iterator[Figure]:
    """Yield seconds a request, against hello; and of the board with many runs, against the one with few."""
    for database in ("sqlite", *(["postgresql"] if find_program("initdb") else [])):
        with _databases(database) as (few_url, many_url):
            few, many = _filled(few_url, _FEW_RUNS), _filled(many_url, _MANY_RUNS)
            name = f"leaderboard_{database}_10_times_the_runs"
            yield measure(name, ours=partial(_read, many), baseline=partial(_read, few), n=_READS)
            print(f"# {database}: {_count_queries(many)} queries", file=sys.stderr)
            with serving(many_url) as (port, _):
                yield from _served(database, port)


def _served(database: str, port: int) -> Iterator[Figure]:
    etag = _ask(port, Request("", _JSON))
    hello = Request("hello", _HELLO)
    requests = [
        Request("json", _JSON),
        Request("page", _PAGE),
        Request("304", _JSON, status=304, etag=etag),
    ]
    for request in requests:
        pairs = [(_load(port, hello), _load(port, request)) for _ in range(_ROUNDS)]
        for side in zip(*pairs, strict=True):
            _print(database, side)
        ratios = [base.per_second / mine.per_second for base, mine in pairs]
        yield Figure(
            f"leaderboard_{database}_{request.name}",
            ours=statistics.median(1 / mine.per_second for _, mine in pairs),
            baseline=statistics.median(1 / base.per_second for base, _ in pairs),
            ratio=statistics.median(ratios),
            unit="s",
            n=len(pairs),
        )


def _print(database: str, loads: tuple[Load, ...]) -> None:
    per_second, p50, p99 = (
        statistics.median(getattr(one, name) for one in loads) for name in ("per_second", "p50_s", "p99_s")
    )
    line = f"# {database} {loads[0].name}: {per_second:.0f}/s, p50 {1e3 * p50:.1f} ms, p99 {1e3 * p99:.1f} ms"
    print(line, file=sys.stderr, flush=True)


def _load(port: int, request: Request) -> Load:
    """Ask again and again, with all clients at once."""
    seconds: list[float] = []
    threads = [threading.Thread(target=_repeat, args=(port, request, seconds)) for _ in range(_N_CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    ordered = sorted(seconds)
    assert len(ordered) == _N_CLIENTS * _REQUESTS, f"{request.name}: not every request was answered"
    return Load(
        request.name, len(ordered) / took, ordered[len(ordered) // 2], ordered[int(0.99 * len(ordered))]
    )


def _repeat(port: int, request: Request, seconds: list[float]) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        for _ in range(_REQUESTS):
            started = time.perf_counter()
            _ask_on(connection, request)
            seconds.append(time.perf_counter() - started)


def _ask(port: int, request: Request) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as connection:
        return _ask_on(connection, request)


def _ask_on(connection: http.client.HTTPConnection, request: Request) -> str:
    headers = {"If-None-Match": request.etag} if request.etag else {}
    connection.request("GET", request.path, headers=headers)
    response = connection.getresponse()
    response.read()
    assert response.status == request.status, response.status
    return response.headers.get("ETag", "")


def _filled(url: str, runs: range) -> Engine:
    """Return an engine on a database with a full phase, written down as after a quiet hour."""
    os.environ["LETHE_DATABASE_URL"] = url
    forget()
    migrations.upgrade(db.engine())
    phase = make_phase(show_logs=True)
    fill_phase(phase, n_teams=_N_TEAMS, submissions_per_team=_SUBMISSIONS_PER_TEAM, runs_per_submission=0)
    add_runs(phase, runs)
    engine = db.make_engine(url)
    forget()  # the last connection to leave puts SQLite's log into its file
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return engine


def _read(engine: Engine) -> None:
    with Session(engine.execution_options(lethe_reading=True)) as session:
        phase = session.scalars(select(Phase)).one()
        board.read(session, phase, partial(board.everybody, limit=Page().limit))
        board.count_waiting(session, phase)


def _count_queries(engine: Engine) -> int:
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *seen: statements.append(seen[2]))
    _read(engine)
    return sum(one.startswith("SELECT") for one in statements) - 1  # one looks the phase up


@contextmanager
def _databases(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the addresses of two empty databases."""
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ["LETHE_HOME"] = home
        if kind == "sqlite":
            yield f"sqlite:///{home}/few.db", f"sqlite:///{home}/many.db"
        else:
            server = stack.enter_context(running_server())
            first = stack.enter_context(empty_database(server))
            yield first, stack.enter_context(empty_database(server))
        forget()
        del os.environ["LETHE_DATABASE_URL"]


def forget() -> None:
    """Have the settings, and what they led to, read anew."""
    get_settings.cache_clear()
    storage.cache_clear()
    if db.engine.cache_info().currsize:
        db.engine().dispose()
    db.engine.cache_clear()


@contextmanager
def serving(url: str) -> Iterator[tuple[int, int]]:
    """Serve a database with one uvicorn process; yield its port and its id."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "benchmarks.leaderboard_speed:hello_app"]
    quiet = ["--port", str(port), "--log-level", "warning", "--no-access-log"]
    # What limits strangers would be what is measured.
    environment = os.environ | {"LETHE_DATABASE_URL": url} | _UNLIMITED
    process = subprocess.Popen([*command, *quiet], cwd=Path(__file__).parent.parent, env=environment)
    try:
        _wait_for(port, process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            _ask(port, Request("", _HELLO))
        except OSError:
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    for figure in figures():
        print(figure.to_json(), flush=True)
