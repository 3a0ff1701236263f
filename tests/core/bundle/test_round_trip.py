"""What a bundle says comes back as it was, through a ZIP and through the database."""

import json

import jsonschema
import yaml
from hypothesis import HealthCheck, given, settings
from sqlalchemy.orm import Session

from core import competitions, db
from core.bundle import columns, files, reading, writing
from core.bundle.spec import CompetitionSpec
from tests.support.competition import make_phase
from tests.support.specs import specs

_SCHEMA = jsonschema.Draft202012Validator(json.loads(writing.schema()))


@given(specs())
@settings(max_examples=25, deadline=None)
def test_export_then_import_gives_the_same_competition(spec: CompetitionSpec) -> None:
    packed = files.pack(writing.files_of(spec))
    assert reading.read_upload(packed) == spec
    assert files.pack(writing.files_of(reading.read_upload(packed))) == packed


@given(specs())
@settings(max_examples=25, deadline=None)
def test_export_is_what_the_schema_says(spec: CompetitionSpec) -> None:
    _SCHEMA.validate(yaml.safe_load(writing.files_of(spec)[files.DOCUMENT].decode()))


@given(spec=specs())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_database_keeps_the_whole_definition(home: object, spec: CompetitionSpec) -> None:
    with Session(db.engine()) as session:  # never committed
        competitions.create(session, spec)
        session.flush()
        session.expunge_all()
        assert columns.spec_of(competitions.find_competition(session, spec.slug)) == spec


def test_export_holds_no_secret(installation: object) -> None:
    phase = make_phase()
    with db.reading() as session:
        spec = columns.spec_of(competitions.find_competition(session, "demo"))
        packed = b"".join(writing.files_of(spec).values())
    assert phase.secret.hex().encode() not in packed
    assert phase.secret not in packed
