"""The whole API asked what its document allows, and what it does not: answers are as the document says."""

import itertools

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from api.permissions import TABLE, Audience
from api.routes import events
from tests.support.world import make_world

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
ENDS_ITSELF = {"DELETE /api/v1/tokens/current", "DELETE /api/v1/session"}
"""What makes the proof useless that it is asked with; otto lends his."""
EXAMPLES = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 3}
ORDER = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOT_READY = "GET /readyz"  # answers 503 on purpose: there is no worker


@pytest.fixture
def world(client, monkeypatch):
    monkeypatch.setattr(events, "_LONGEST_S", 0.0)
    return make_world()


def _askers(address, world):
    """Yield in turn, without end, headers of those who may get far at an address, and of who may not."""
    browsers = [world.people[name].browser for name in ("sam", "ida")]
    tokens = [world.people[name].token for name in ("admin", "olga", "ann")]
    if address in ENDS_ITSELF:
        tokens, browsers = [world.people["otto"].token], [world.people["otto"].browser]
    return itertools.cycle(browsers if TABLE[address].audience is Audience.BROWSER else tokens)


def test_api_answers_whatever_it_is_asked_as_its_document_says(application, world):
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", application)
    faults = []
    operations = [result.ok() for result in schema.get_all_operations()]
    # What takes things away comes last: until then they are there.
    for operation in sorted(operations, key=lambda one: ORDER.index(one.method.upper())):
        address = f"{operation.method.upper()} {operation.path}"
        if address != NOT_READY:
            for mode in EXAMPLES:
                faults += _ask(operation, mode, _askers(address, world), world.own)
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults)


def _ask(operation, mode, askers, names):
    """Send drawn requests about things that there are; return what is wrong with the answers."""
    faults = []

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case):
        if case.path_parameters:  # what is not there answers 404 to everything
            case.path_parameters = {name: names[name] for name in case.path_parameters}
        response = case.call(headers=next(askers))
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as found:
            faults.extend(
                f"{case.as_curl_command()}\n  {response.status_code} {fault.title}: {fault.message[:600]}"
                for fault in found.exceptions
            )

    try:
        ask()
    except Unsatisfiable:  # what takes nothing cannot be asked in bad form
        assert mode is GenerationMode.NEGATIVE, operation.label
    return faults
