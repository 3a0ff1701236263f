import os
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import docker
import pytest
from safetensors.torch import load

from core.errors import SandboxUnavailableError
from core.lifecycle import Verdict
from core.settings import get_settings
from submissions_sandbox.confinement import USER_ID
from tests.support.sandboxes import (
    KINDS,
    LIMITS,
    OWNER,
    make_input,
    make_sandbox,
    processes_with,
    zygote_pid,
)
from worker import sandboxes
from worker.runner import RunOutcome, SubmissionRunner
from worker.sandboxes.base import Channel
from worker.sandboxes.cgroup import Cgroup
from worker.sandboxes.docker import OWNER_LABEL, remove_orphans

_SOURCE = Path(__file__).with_name("contract_submission.py").read_text()


def seed_of(behaviour: str, k: int = 0) -> int:
    return (zlib.crc32(behaviour.encode()) << 8) + k


class Warm(NamedTuple):
    kind: str
    channel: Channel
    runner: SubmissionRunner

    def run(self, behaviour: str, k: int = 0) -> RunOutcome:
        return self.runner.run(seed_of(behaviour, k))


@pytest.fixture(scope="module", params=KINDS)
def warm(request: pytest.FixtureRequest) -> Iterator[Warm]:
    """One sandbox of each kind that all tests share: what one run does must not touch the next."""
    with closing(make_sandbox(request.param).open(LIMITS)) as channel:
        runner = SubmissionRunner(channel, make_input(_SOURCE), LIMITS)
        runner.start()
        yield Warm(request.param, channel, runner)


@pytest.fixture(autouse=True)
def _stays_usable(request: pytest.FixtureRequest) -> Iterator[None]:
    """After whatever a test did to the shared sandbox, the next honest run works and finds no traces."""
    yield
    if "warm" in request.fixturenames:
        outcome = request.getfixturevalue("warm").run("find_no_traces")
        assert outcome.verdict is Verdict.OK, outcome.message


def _assert_ok(outcome: RunOutcome) -> bytes:
    assert outcome.verdict is Verdict.OK, outcome.message
    assert outcome.weights is not None
    return outcome.weights


def test_doing_nothing_returns_the_original(warm: Warm) -> None:
    weights = load(_assert_ok(warm.run("do_nothing")))
    original = load(make_input("").original)
    assert weights.keys() == original.keys()
    assert all(weights[name].equal(original[name]) for name in original)


@pytest.mark.parametrize("kind", KINDS)
def test_identity_names_the_sandbox_and_its_image(kind: str) -> None:
    with closing(make_sandbox(kind).open(LIMITS)) as channel:
        identity = channel.identity
    if kind == "docker":
        with closing(docker.from_env()) as client:
            image = client.images.get(get_settings().sandbox_image).id
        assert image.startswith("sha256:")
        assert identity == f"docker {image}"
    else:
        assert identity == "bubblewrap"


def test_same_seed_gives_identical_weights(warm: Warm) -> None:
    assert _assert_ok(warm.run("draw", 5)) == _assert_ok(warm.run("draw", 5))


def test_other_seed_gives_other_draws_of_every_generator(warm: Warm) -> None:
    first, second = (load(_assert_ok(warm.run("draw", k)))["fc.bias"] for k in (1, 2))
    assert (first[:3] != second[:3]).all()


@pytest.mark.parametrize(
    "behaviour",
    [
        "use_the_loaders",
        "use_a_pool",
        "scratch_is_ours",
        "write_elsewhere",
        "see_no_keys",
        "inherit_only_pipes",
        "signal_pid_1",
        "fork_and_come_back_twice",
    ],
)
def test_honest_submission_finds_what_the_contract_promises(warm: Warm, behaviour: str) -> None:
    _assert_ok(warm.run(behaviour))


def test_half_precision_comes_back_as_float32(warm: Warm) -> None:
    weights = load(_assert_ok(warm.run("return_half_precision")))
    assert str(weights["fc.bias"].dtype) == "torch.float32"


def test_traces_of_a_run_do_not_reach_the_next(warm: Warm) -> None:
    _assert_ok(warm.run("leave_traces"))
    _assert_ok(warm.run("find_no_traces"))


@pytest.mark.parametrize(
    ("behaviour", "verdict", "words"),
    [
        ("raise_an_exception", Verdict.NONZERO_EXIT, "KeyError: 'no such key'"),
        ("sleep_with_closed_pipes", Verdict.TIMEOUT, "more than 5 seconds"),
        ("eat_memory", Verdict.OUT_OF_MEMORY, "memory"),
        ("return_wrong_shapes", Verdict.INVALID_OUTPUT, "fc.weight has the shape [11, 32], not [10, 32]"),
        ("return_a_number", Verdict.INVALID_OUTPUT, "returned a int"),
        ("return_nan", Verdict.INVALID_OUTPUT, "fc.bias holds a NaN"),
        ("return_more", Verdict.INVALID_OUTPUT, "lacks conv1.weight"),
        ("flood_the_log", Verdict.LOG_LIMIT, "10000 bytes"),
        ("exit_with_3", Verdict.NONZERO_EXIT, "exit status 3"),
        ("exit_with_0", Verdict.NONZERO_EXIT, "exit status 0"),
        ("kill_itself", Verdict.NONZERO_EXIT, "SIGKILL"),
        ("crash", Verdict.NONZERO_EXIT, "SIGSEGV"),
        ("call_sys_exit", Verdict.NONZERO_EXIT, "SystemExit"),
        ("open_a_connection", Verdict.NONZERO_EXIT, "PermissionError"),
        ("fork_forever", Verdict.NONZERO_EXIT, "BlockingIOError"),
        ("fill_the_scratch", Verdict.NONZERO_EXIT, "OSError"),
        ("fill_with_files", Verdict.NONZERO_EXIT, "both are full of files"),
        ("speak_for_the_runner", Verdict.INVALID_OUTPUT, "channel"),
    ],
)
def test_failing_run_gets_its_verdict(warm: Warm, behaviour: str, verdict: Verdict, words: str) -> None:
    outcome = warm.run(behaviour)
    assert outcome.verdict is verdict, outcome
    assert words in outcome.message
    assert outcome.weights is None


def test_processes_together_over_the_memory_limit_run_out_of_memory(warm: Warm) -> None:
    outcome = warm.run("eat_memory_together")
    assert outcome.verdict is Verdict.OUT_OF_MEMORY, outcome


def test_traceback_shows_the_participants_frames_only(warm: Warm) -> None:
    message = warm.run("raise_an_exception").message
    assert 'File "submission.py", line' in message
    assert 'return {}["no such key"]' in message
    assert "execution.py" not in message


def test_log_holds_what_was_printed(warm: Warm) -> None:
    outcome = warm.run("print_then_return")
    assert outcome.log == "to the log\nalso to the log\n\ufffd\x00 not text"


def test_endless_run_times_out_and_its_log_is_kept(warm: Warm) -> None:
    outcome = warm.run("run_forever")
    assert outcome.verdict is Verdict.TIMEOUT
    assert "more than 5 seconds" in outcome.message
    assert outcome.log == "still here\n"
    assert warm.run("do_nothing").seconds < LIMITS.run_s < outcome.seconds < LIMITS.run_s + LIMITS.grace_s


def test_zygote_has_no_rights_on_the_host(warm: Warm) -> None:
    pid = zygote_pid(warm.channel)
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    uid = USER_ID if os.getuid() == 0 or warm.kind == "docker" else os.getuid()
    assert status["Uid"].split() == [str(uid)] * 4
    assert [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")] == [0] * 4
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if os.getuid() == 0:
        assert status["Groups"].split() in ([], [str(USER_ID)])
        assert int(status["CapBnd"], 16) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_exception_at_import_is_an_invalid_submission(kind: str) -> None:
    with closing(make_sandbox(kind).open(LIMITS)) as channel:
        runner = SubmissionRunner(channel, make_input("import no_such_package"), LIMITS)
        runner.start()
        outcome = runner.run(1)
    assert outcome.verdict is Verdict.INVALID_SUBMISSION
    assert "ModuleNotFoundError: No module named 'no_such_package'" in outcome.message


@pytest.mark.parametrize("kind", KINDS)
def test_closing_leaves_no_process(kind: str) -> None:
    channel = make_sandbox(kind).open(LIMITS)
    SubmissionRunner(channel, make_input(_SOURCE), LIMITS).start()
    inside = processes_with(zygote_pid(channel))
    assert inside
    channel.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in inside)
    if kind == "docker":
        with closing(docker.from_env()) as client:
            everything = client.containers.list(all=True, filters={"label": f"{OWNER_LABEL}={OWNER}"})
        assert channel._container not in [container.id for container in everything]
    channel.close()


_DOOMED_WORKER = """
import sys
from tests.support.sandboxes import LIMITS, make_input, make_sandbox, zygote_pid
from worker.runner import SubmissionRunner

channel = make_sandbox(sys.argv[1]).open(LIMITS)
runner = SubmissionRunner(channel, make_input("def unlearning(*_):\\n    while True: pass"), LIMITS)
runner.start()
print(zygote_pid(channel), flush=True)
runner.run(0)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_killed_worker_takes_its_sandbox_along(kind: str) -> None:
    command = [sys.executable, "-c", _DOOMED_WORKER, kind]
    root = str(Path(sandboxes.__file__).parents[2])
    doomed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert doomed.stdout is not None
    pid = int(doomed.stdout.readline())
    inside = processes_with(pid)
    assert pid in inside
    time.sleep(0.5)
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    doomed.stdout.close()
    deadline = time.monotonic() + 5.0
    while any(Path(f"/proc/{pid}").exists() for pid in inside):
        assert time.monotonic() < deadline, "the sandbox outlives its worker"
        time.sleep(0.05)
    if kind == "docker":
        assert remove_orphans(OWNER) >= 1
        assert remove_orphans(OWNER) == 0


_SPINNER = """
import os, time

def unlearning(net, retain, forget, val):
    children, until = [], time.monotonic() + 2.0
    for _ in range(2):
        child = os.fork()
        if child == 0:
            while time.monotonic() < until:
                pass
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    used = os.times()
    print(used.children_user + used.children_system)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_processes_together_get_no_more_than_their_share_of_processors(kind: str) -> None:
    limits = replace(LIMITS, cpus=0.25, run_s=20.0, grace_s=60.0)
    with closing(make_sandbox(kind).open(limits)) as channel:
        runner = SubmissionRunner(channel, make_input(_SPINNER), limits)
        runner.start()
        outcome = runner.run(0)
    assert outcome.verdict is Verdict.OK, outcome
    assert float(outcome.log) < 0.9  # seconds, of 4 that they ask for and 0.5 that they may have


@pytest.mark.docker
def test_container_removed_from_outside_is_a_platform_error() -> None:
    sandbox = make_sandbox("docker")
    channel = sandbox.open(LIMITS)
    runner = SubmissionRunner(channel, make_input(_SOURCE), LIMITS)
    runner.start()
    with closing(docker.from_env()) as client:
        client.containers.get(channel._container).remove(force=True)
    assert runner.run(seed_of("do_nothing")).verdict is Verdict.PLATFORM_ERROR


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("behaviour", "verdict"),
    [("eat_memory", Verdict.OUT_OF_MEMORY), ("fork_forever", Verdict.NONZERO_EXIT)],
)
def test_bubblewrap_without_a_cgroup_limits_each_process(
    behaviour: str, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cgroup, "create", lambda **_: None)
    with closing(make_sandbox("bubblewrap").open(LIMITS)) as channel:
        runner = SubmissionRunner(channel, make_input(_SOURCE), LIMITS)
        runner.start()
        assert runner.run(seed_of(behaviour)).verdict is verdict


@pytest.mark.bubblewrap
def test_bubblewrap_that_its_cgroup_does_not_take_in_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(group: Cgroup, pid: int) -> None:
        groups.append(group.memory)
        pids.append(pid)
        raise PermissionError(13, "Permission denied", "cgroup.procs")

    groups: list[Path] = []
    pids: list[int] = []
    monkeypatch.setattr(Cgroup, "add", refuse)
    with pytest.raises(SandboxUnavailableError, match=r"Permission denied.*cgroup\.procs"):
        make_sandbox("bubblewrap").open(LIMITS)
    assert not groups[0].exists()
    assert not Path("/proc", str(pids[0])).exists()
