"""The tests of the corpus: every submission from the upload to its verdict, and every control.

One file for each sandbox takes them over and says its KIND, so that the two run side by side.
"""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.corpus import PHASE_LIMITS, Footprint, Host, read_cases
from tests.support.crawler import Visit, crawl, find
from tests.support.plants import Plants
from tests.support.running import Installation
from tests.support.weakened import run_control
from worker.runner import RunOutcome
from worker.sandboxes.base import MIB

_CASES = {case.name: case for case in read_cases()}
_CONTROLLED = [name for name, case in _CASES.items() if case.control and case.refused is None]
_WARM_UPS = 6  # rounds at most until both slots have run and scored, and loaded what that takes
_DISK_GROWTH_BYTES = 8 * MIB  # of one submission: rows, log lines, and SQLite's own log, which is cut at 4 MB
# Of the worker over the whole corpus: once, a collection of garbage makes private what a slot shared.
_MEMORY_GROWTH_BYTES = 256 * MIB

# The score depends on no seed: the same at every upload, to the last bit.
_HONEST = """\
import torch

def unlearning(net, retain, forget, val):
    with torch.no_grad():
        net.fc.bias[0] += 0.25
        net.fc.weight *= 0.75

# upload {number}
"""


@dataclass
class Range:
    """A running installation with one phase, and what the tests before have seen of it."""

    kind: str
    installation: Installation
    host: Host
    plants: Plants
    attacker: str
    honest: str
    score: dict[str, Any]
    first: Footprint
    numbers: Iterator[int]

    def upload_honest(self) -> str:
        """Upload an honest submission that is like no other and return its id."""
        source = _HONEST.format(number=next(self.numbers)).encode()
        submission_id: str = self.installation.upload(source, self.honest).json()["id"]
        return submission_id

    def assert_scores_the_same(self, submission_id: str) -> None:
        """Wait for an honest submission's end."""
        ended = self.installation.wait_for_end(submission_id, self.honest)
        assert ended["score"] == self.score, ended

    def assert_clean(self, before: Footprint) -> None:
        """Assert that no sandbox has left anything on the host."""
        assert self.host.leftovers() == []
        after = self.host.footprint()
        assert after.disk - before.disk < _DISK_GROWTH_BYTES
        assert after.memory - self.first.memory < _MEMORY_GROWTH_BYTES

    def visible(self, token: str, phase: str, *submission_ids: str) -> list[Visit]:
        """Return all answers that the owner of these submissions, whose token it is, can get."""
        parameters = {"competition": ["demo"], "phase": [phase], "submission_id": submission_ids}
        with httpx2.Client(base_url=self.installation.url, timeout=30) as client:
            # That nothing shows elsewhere either is tried without a sandbox: tests/api/test_hidden_phases.py.
            return crawl(
                client, parameters, {"Authorization": f"Bearer {token}"}, naming=["submission", "leaderboard"]
            )


@pytest.fixture(scope="module")
def plants() -> Iterator[Plants]:
    with Plants() as planted:
        yield planted


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Range]:
    """An installation with planted canaries; its last honest submission comes after its last attack."""
    with Plants() as plants:
        temporary = plants.folder / "tmp"
        temporary.mkdir()
        installation = Installation(
            plants.home,
            LETHE_SANDBOX=request.module.KIND,
            LETHE_WORKER_SLOTS="2",
            TMPDIR=str(temporary),
            **plants.environment,
        )
        installation.start()
        try:
            yield from _prepared(request.module.KIND, installation, plants)
        finally:
            installation.stop()
        assert installation.pids() == []


def _prepared(kind: str, installation: Installation, plants: Plants) -> Iterator[Range]:
    installation.create_competition(hidden=True, runs_per_shard=3, limits=PHASE_LIMITS)
    tokens = [installation.lethe("create-user", name) for name in ("attacker", "honest", "other")]
    other = f"# {plants.canary('submission')}\n{_HONEST.format(number=-1)}"
    other_id = installation.upload(other.encode(), tokens[2]).json()["id"]
    host = Host(installation, Path(installation.environment["TMPDIR"]))
    site = Range(kind, installation, host, plants, tokens[0], tokens[1], {}, host.footprint(), count())
    site.score = installation.wait_for_end(other_id, tokens[2])["score"]
    assert site.score["n_models"] == 3
    for _ in range(_WARM_UPS):
        for submission_id in [site.upload_honest(), site.upload_honest()]:
            site.assert_scores_the_same(submission_id)
        if host.slots_are_alike():
            break
    before = site.first = host.footprint()
    yield site
    site.assert_scores_the_same(site.upload_honest())
    site.assert_clean(before)


@pytest.mark.parametrize("name", _CASES)
def test_submission_ends_as_expected_and_leaves_nothing(site: Range, name: str) -> None:
    case = _CASES[name]
    before = site.host.footprint()
    filename, content = case.upload()
    uploaded = site.installation.upload(content, site.attacker, filename=filename)
    if case.refused is not None:
        assert uploaded.status_code == 422, uploaded.text
        assert re.search(case.refused, uploaded.json()["detail"])
        return
    assert uploaded.status_code == 202, uploaded.text
    submission_id = uploaded.json()["id"]
    # It runs beside this submission, and after the one before; what attacks nothing needs no such witness.
    witness_id = None if case.attack_class == "honest" else site.upload_honest()
    ended = site.installation.wait_for_end(submission_id, site.attacker)
    assert (ended["state"], ended["verdict"]) == (case.state, case.verdict), ended
    assert re.match(case.message, ended["message"], re.DOTALL), ended["message"]
    if witness_id is not None:
        site.assert_scores_the_same(witness_id)
    visible = site.visible(site.attacker, "check", submission_id)
    assert find([site.plants.token, str(site.plants.folder)], visible) == []
    site.assert_clean(before)


def test_hidden_phase_gives_back_nothing_that_the_other_shows(site: Range) -> None:
    cases = [case for case in _CASES.values() if case.canary is not None]
    canaries = {case.canary for case in cases if case.canary is not None}
    # The attacker's submissions to the other phase may be shown: another participant asks, there at last.
    token = site.honest
    for phase, shown in (("hidden", set()), ("check", canaries)):
        uploads = [site.installation.upload(case.upload()[1], token, phase=phase) for case in cases]
        ids = [uploaded.json()["id"] for uploaded in uploads]
        for submission_id in ids:
            site.installation.wait_for_end(submission_id, token)
        assert {sighting.canary for sighting in find(canaries, site.visible(token, phase, *ids))} == shown


@pytest.fixture(scope="module")
def controls(request: pytest.FixtureRequest, plants: Plants) -> Iterator[dict[str, Future[list[RunOutcome]]]]:
    """The outcomes of the controls that were asked for, two sandboxes at a time."""
    asked = [
        item.callspec.params["name"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and item.originalname == test_control_succeeds_without_its_protection.__name__
    ]
    with ThreadPoolExecutor(2) as pool:
        yield {name: pool.submit(_run_control, name, request.module.KIND, plants) for name in asked}
        pool.shutdown(cancel_futures=True)


def _run_control(name: str, kind: str, plants: Plants) -> list[RunOutcome]:
    case = _CASES[name]
    assert case.control is not None
    return run_control(case.control, kind, source=case.upload()[1], plants=plants)


@pytest.mark.parametrize("name", _CONTROLLED)
def test_control_succeeds_without_its_protection(
    controls: dict[str, Future[list[RunOutcome]]], name: str
) -> None:
    control = _CASES[name].control
    assert control is not None
    outcomes = controls[name].result()
    assert any(map(control.is_met_by, outcomes)), outcomes
