"""The table of system calls in real sandboxes: enough for honest code, and in force from the start."""

from contextlib import closing
from pathlib import Path

import docker
import pytest

from core.lifecycle import Verdict
from core.settings import get_settings
from tests.support.sandboxes import KINDS, LIMITS, OWNER, make_input, make_sandbox
from worker.runner import SubmissionRunner
from worker.sandboxes.base import MIB, Limits
from worker.sandboxes.container import ContainerSpec, container_options

_HERE = Path(__file__).parent


@pytest.mark.parametrize("kind", KINDS)
def test_honest_code_makes_its_calls(kind: str) -> None:
    limits = Limits(run_s=120.0, memory_bytes=3072 * MIB, scratch_bytes=64 * MIB)
    with closing(make_sandbox(kind).open(limits)) as channel:
        source = (_HERE / "honest_calls_submission.py").read_text()
        runner = SubmissionRunner(channel, make_input(source), limits)
        runner.start()
        outcome = runner.run(0)
    assert outcome.verdict is Verdict.OK, outcome


@pytest.mark.docker
def test_container_refuses_the_calls_before_the_zygote_does() -> None:
    source = (_HERE / "system_calls_submission.py").read_text()
    spec = ContainerSpec(get_settings().sandbox_image, OWNER, runtime="", gpus=())
    with closing(docker.from_env()) as client:
        options = container_options(client.api, spec, LIMITS)
        options["entrypoint"] = ["python3", "-s", "-c", f"{source}\nrefuses_all_but_the_table()"]
        container = client.api.create_container(**options)["Id"]
        try:
            client.api.start(container)
            assert client.api.wait(container)["StatusCode"] == 0  # attach to it to see what it complains of
        finally:
            client.api.remove_container(container, force=True)
