"""Whether a sandbox can be had here, which one is chosen, and whether it is proven first."""

import gc
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from core.errors import SandboxUnavailableError
from core.settings import get_settings
from tests.support.sandboxes import LIMITS, OWNER, make_sandbox
from worker import sandboxes
from worker.sandboxes import runtime
from worker.sandboxes.docker import DockerSandbox, remove_orphans

# docker's own client does not close a socket that finds nobody at the other end
_without_engine = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    yield
    gc.collect()


@_without_engine
@pytest.mark.usefixtures("no_engine")
def test_absent_engine_is_an_unavailable_sandbox() -> None:
    with pytest.raises(SandboxUnavailableError, match="Docker"):
        DockerSandbox("any", owner=OWNER).open(LIMITS)
    with pytest.raises(SandboxUnavailableError, match="Docker"):
        remove_orphans(OWNER)


@pytest.mark.docker
def test_absent_image_is_an_unavailable_sandbox() -> None:
    with pytest.raises(SandboxUnavailableError, match=r"no-such-image"):
        DockerSandbox("lethe-no-such-image:dev", owner=OWNER).open(LIMITS)


@pytest.fixture
def broken_bubblewrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho no namespaces here >&2; exit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("worker.sandboxes.bubblewrap.find_program", lambda: str(program))


@pytest.mark.bubblewrap
@pytest.mark.usefixtures("broken_bubblewrap")
def test_bubblewrap_that_fails_is_an_unavailable_sandbox() -> None:
    with pytest.raises(SandboxUnavailableError, match="no namespaces here"):
        make_sandbox("bubblewrap").open(LIMITS)


@_without_engine
@pytest.mark.usefixtures("no_engine")
def test_auto_without_an_engine_is_bubblewrap() -> None:
    assert sandboxes.find_sandbox("auto", image="any", owner=OWNER).name == "bubblewrap"


@pytest.mark.docker
def test_auto_with_an_engine_and_the_image_is_docker() -> None:
    image = get_settings().sandbox_image
    assert sandboxes.find_sandbox("auto", image=image, owner=OWNER).name == "docker"
    assert sandboxes.find_sandbox("auto", image="lethe-no-such-image:dev", owner=OWNER).name == "bubblewrap"


@pytest.mark.bubblewrap
def test_auto_with_an_outdated_image_is_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DockerSandbox, "has_image", lambda _: True)
    assert sandboxes.choose("auto", image="lethe-no-such-image:dev", owner=OWNER).sandbox.name == "bubblewrap"


@_without_engine
@pytest.mark.usefixtures("no_engine")
def test_choice_that_does_not_work_says_what_to_install() -> None:
    with pytest.raises(SandboxUnavailableError, match=r"worker\.sandboxes\.image"):
        sandboxes.choose("docker", image="any", owner=OWNER)


@_without_engine
@pytest.mark.usefixtures("no_engine", "broken_bubblewrap")
def test_auto_without_any_sandbox_says_why_for_each() -> None:
    with pytest.raises(SandboxUnavailableError, match=r"no namespaces here.*image is not built.*pip install"):
        sandboxes.choose("auto", image="any", owner=OWNER)


@pytest.mark.docker
@pytest.mark.usefixtures("broken_bubblewrap")
def test_auto_without_image_or_bubblewrap_builds_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def make(tag: str) -> None:
        made.append(tag)
        with closing(docker.from_env()) as client:
            client.images.get(get_settings().sandbox_image).tag("lethe-sandbox", "made-by-a-test")

    monkeypatch.setattr(sandboxes.sandbox_image, "make", make)
    image = "lethe-sandbox:made-by-a-test"
    try:
        assert sandboxes.choose("auto", image=image, owner=OWNER).sandbox.name == "docker"
        assert made == [image]
    finally:
        with closing(docker.from_env()) as client:
            client.images.remove(image)


def test_runtime_refuses_to_show_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETHE_HOME", f"{sys.base_prefix}/share/lethe")
    get_settings.cache_clear()
    try:
        with pytest.raises(SandboxUnavailableError, match="move LETHE_HOME elsewhere"):
            runtime.find_runtime()
    finally:
        get_settings.cache_clear()


def test_runtime_shows_no_folder_of_lethe_but_the_sandboxs_own() -> None:
    root = Path(sandboxes.__file__).parents[2]
    shown = [path for path in runtime.find_runtime().shown if path.is_relative_to(root)]
    assert [path.name for path in shown if ".venv" not in path.parts] == ["submissions_sandbox"]
