"""Which libraries a sandbox shows, and in which versions."""

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import SandboxUnavailableError
from worker.sandboxes import runtime
from worker.sandboxes.runtime import LIBRARIES, find_distributions, find_libraries


@pytest.fixture(autouse=True)
def _ask_anew() -> Iterator[None]:
    runtime._imports.cache_clear()
    yield
    runtime._imports.cache_clear()


def test_libraries_bring_along_what_they_require() -> None:
    found = find_distributions()
    assert {*LIBRARIES, "joblib", "python-dateutil", "sympy", "threadpoolctl"} <= set(found)
    assert found["torch"].version == importlib.metadata.version("torch")


@pytest.mark.parametrize(
    ("content", "is_there"), [("", True), ("raise RuntimeError('operator does not exist')", False)]
)
def test_torchvision_is_taken_along_only_where_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, is_there: bool
) -> None:
    (tmp_path / "torchvision.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert ("torchvision" in find_libraries()) is is_there
    assert "torchvision" not in sys.modules


def test_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "LIBRARIES", ("numpy", "no-such-library"))
    with pytest.raises(SandboxUnavailableError, match="install no-such-library"):
        find_distributions()
