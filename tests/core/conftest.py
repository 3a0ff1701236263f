"""What the tests of rescoring share: three versions of the metric, and a phase under the first of them."""

import pytest

import scoring
from core import queue
from core.models import Phase
from tests.support.rescoring import NEW, THIRD, make_phase_with_baselines
from tests.support.valkey import broker_url, valkey_server  # noqa: F401


@pytest.fixture
def three_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let two more versions of the metric be known."""
    for version in (NEW, THIRD):
        monkeypatch.setitem(scoring.VERSIONS, version, scoring.score)


@pytest.fixture
def phase(installation: object, three_versions: None, sent: list[queue.Message]) -> Phase:
    """A phase that is ready, with its baselines."""
    return make_phase_with_baselines()
