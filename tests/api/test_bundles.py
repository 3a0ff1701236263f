"""Competitions as bundles over the API: created, exported, changed, deleted, and by whom."""

import json
from typing import Any

import jsonschema
import pytest
from sqlalchemy import select

from core import db
from core.bundle import files, reading
from core.models import AuditEvent, Organizer, Phase
from core.storage import storage
from faces.bundle import pack
from faces.folder import read_with_files
from tests.support.api import PHASE, on_both_databases
from tests.support.bundles import make_bundle, unlabelled, write_bundle
from tests.support.competition import HONEST

ALL = "/api/v1/competitions"
FACES = f"{ALL}/faces"
BUNDLE = f"{FACES}/bundle"
_TASK = {"name": "Faces", "n_models": 4}
_OVER_TASK = {"name": "Over a task"}
_PHASE = {"slug": "check", "name": "Check", "n_models": 4, "dataset": {"kind": "synthetic"}}
PNG = b"\x89PNG\r\n\x1a\n..."


def _document(**changes: Any) -> dict[str, Any]:
    return {"version": 2, "slug": "faces", "title": "Faces", "phases": [_PHASE], **changes}


def _sent(document: object, **beside: bytes) -> dict[str, Any]:
    packed = files.pack({files.DOCUMENT: json.dumps(document).encode(), **beside})
    return {"files": {"file": ("bundle.zip", packed)}}


@pytest.fixture
def made(client, olga):
    """Create a competition as `olga`, who is its organizer."""
    response = client.post(ALL, headers=olga.headers, **_sent(_document()))
    assert response.status_code == 201, response.text


@pytest.fixture
def oscar(client, made, make_participant):
    """Create an organizer of the competition who is no admin."""
    oscar = make_participant("oscar")
    with db.transaction() as session:
        competition_id = session.scalars(select(Phase.competition_id)).first()
        session.add(Organizer(competition_id=competition_id, user_id=oscar.user.id))
    return oscar


@on_both_databases
def test_create_answers_where_it_is_and_makes_an_organizer(client, olga):
    document = _document(
        image="logo.png", terms="terms.md", pages=[{"title": "Overview", "file": "o.md"}], max_team_size=3
    )
    beside = {"logo.png": PNG, "terms.md": b"Be fair.", "o.md": b"# Hello"}
    response = client.post(ALL, headers=olga.headers, **_sent(document, **beside))
    assert response.status_code == 201, response.text
    assert response.headers["Location"] == FACES
    shown = client.get(FACES).json()
    assert shown == response.json()
    assert shown["terms"] == "Be fair."
    assert shown["pages"] == [{"title": "Overview", "content": "# Hello"}]
    logo = client.get(f"{FACES}/logo")
    assert (logo.content, logo.headers["content-type"]) == (PNG, "image/png")
    assert "sandbox" in logo.headers["Content-Security-Policy"]
    with db.reading() as session:
        assert session.scalars(select(Organizer.user_id)).one() == olga.user.id


def test_create_takes_a_yaml_alone(client, olga):
    file = ("competition.yaml", json.dumps(_document()).encode())
    assert client.post(ALL, headers=olga.headers, files={"file": file}).status_code == 201


def test_create_is_for_admins(client, ada):
    assert client.post(ALL, **_sent(_document())).status_code == 401
    assert client.post(ALL, headers=ada.headers, **_sent(_document())).status_code == 403


def test_create_same_slug_twice_is_refused(client, made, olga):
    response = client.post(ALL, headers=olga.headers, **_sent(_document()))
    assert response.status_code == 422
    assert "exists already" in response.json()["detail"]


def test_create_names_every_fault(client, olga):
    response = client.post(ALL, headers=olga.headers, **_sent(_document(color=1, title="")))
    assert response.status_code == 422
    assert response.json()["type"] == "urn:lethe:problem:invalid-competition"
    assert "color: there is no such key" in response.json()["detail"]
    assert "title: " in response.json()["detail"]


def test_create_without_a_file_says_how(client, olga):
    response = client.post(ALL, headers=olga.headers, json={})
    assert response.status_code == 422
    assert "-F file=@bundle.zip" in response.json()["detail"]


def test_unpublished_is_seen_by_its_organizers_alone(client, olga, ada):
    response = client.post(f"{ALL}?published=false", headers=olga.headers, **_sent(_document()))
    assert response.json()["published"] is False
    for headers, status, count in (({}, 404, 0), (ada.headers, 404, 0), (olga.headers, 200, 1)):
        assert client.get(FACES, headers=headers).status_code == status
        assert client.get(f"{FACES}/logo", headers=headers).status_code == 404
        assert len(client.get(ALL, headers=headers).json()["competitions"]) == count
        assert client.get("/", headers=headers).text.count("<h2") == count


def test_dataset_in_the_zip_is_stored_and_named_by_its_hashes(client, olga, tmp_path):
    folder = write_bundle(make_bundle(), tmp_path / "faces")
    parts = {f"data/{path.name}": path.read_bytes() for path in folder.iterdir()}
    document = _document(phases=[{**_PHASE, "dataset": {"kind": "bundle", "path": "data"}}])
    response = client.post(ALL, headers=olga.headers, **_sent(document, **parts))
    assert response.status_code == 201, response.text
    with db.reading() as session:
        dataset = session.scalars(select(Phase.dataset)).one()
    assert dataset.keys() == {"kind", "participant", "secret", "manifest"}
    again = client.post(
        ALL,
        headers=olga.headers,
        **_sent(_document(slug="again", phases=[{**_PHASE, "dataset": dataset}])),
    )
    assert again.status_code == 201, again.text
    exported = client.get(BUNDLE, headers=olga.headers).content
    assert read_with_files(folder).files.secret not in exported
    assert reading.read_upload(exported).phases[0].dataset == dataset


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"kind": "bundle", "path": "nowhere"}, "is not in the bundle"),
        ({"kind": "bundle", "path": "../data"}, "is not in the bundle"),
        (
            {"kind": "bundle", "path": "damaged"},
            "phases.0.dataset: the dataset is not valid: the manifest is not of bundle format",
        ),
        ({"kind": "bundle", "path": 3}, "phases.0.dataset.path: Input should be a valid string"),
        ({"kind": "bundle", "participant": "a", "secret": "b", "manifest": "c"}, "phases.0.dataset.secret: "),
        (
            {"kind": "bundle", "participant": "0" * 64, "secret": "0" * 64, "manifest": "0" * 64},
            "there is no dataset whose participant part",
        ),
    ],
)
def test_dataset_that_is_not_there_or_not_whole_is_refused(client, olga, dataset, words):
    damaged = {f"damaged/{name}": b"[]" for name in ("participant.safetensors", "secret.safetensors")}
    document = _document(phases=[{**_PHASE, "dataset": dataset}])
    sent = _sent(document, **damaged, **{"damaged/manifest.json": b"[]"})
    response = client.post(ALL, headers=olga.headers, **sent)
    assert response.status_code == 422
    assert "competition.yaml: phases.0.dataset" in response.json()["detail"]
    assert words in response.json()["detail"]


def test_dataset_whose_parts_are_not_its_manifests_is_refused(client, olga, tmp_path):
    folder = write_bundle(make_bundle(), tmp_path / "faces")
    parts = {f"data/{path.name}": path.read_bytes() for path in folder.iterdir()}
    parts["data/secret.safetensors"] += b"\0"
    document = _document(phases=[{**_PHASE, "dataset": {"kind": "bundle", "path": "data"}}])
    response = client.post(ALL, headers=olga.headers, **_sent(document, **parts))
    assert response.status_code == 422
    assert "dataset: the dataset is not valid: the secret part is not the one" in response.json()["detail"]


def test_dataset_that_no_phase_can_use_is_refused_with_all_else_that_is_wrong(client, olga, tmp_path):
    bundles = {"plain": unlabelled(make_bundle()), "small": make_bundle(n_retain=60)}
    parts = {}
    for name, bundle in bundles.items():
        folder = write_bundle(bundle, tmp_path / name)
        parts |= {f"{name}/{path.name}": path.read_bytes() for path in folder.iterdir()}
    tasks = [
        {**_TASK, "index": index, "dataset": {"kind": "bundle", "path": path}, "recipe": {"drop_last": True}}
        for index, path in enumerate(bundles)
    ]
    own = {**_PHASE, "index": 1, "recipe": {"drop_last": True, "batch_size": 2000}}
    phases = [own, *({**_OVER_TASK, "slug": f"of-{at}", "index": 2 - 2 * at, "tasks": [at]} for at in (0, 1))]
    response = client.post(ALL, headers=olga.headers, **_sent(_document(tasks=tasks, phases=phases), **parts))
    assert response.status_code == 422
    told = response.json()["detail"]
    assert "phases.0.dataset: retain has 1098 images; to train with this recipe takes at least 2000" in told
    assert "tasks.0.dataset: the dataset is unlabelled; `lethe dataset label`" in told
    assert "tasks.1.dataset: retain has 60 images; to train with this recipe takes at least 64" in told
    assert client.get(ALL, headers=olga.headers).json()["competitions"] == []


def test_stored_dataset_is_looked_into_before_a_phase_has_it(client, olga):
    plain = pack(unlabelled(make_bundle()))
    dataset = {"kind": "bundle", **{part: storage().put(held) for part, held in plain._asdict().items()}}
    document = _document(phases=[{**_PHASE, "dataset": dataset}])
    response = client.post(ALL, headers=olga.headers, **_sent(document))
    assert (response.status_code, "is unlabelled" in response.json()["detail"]) == (422, True)


def test_change_to_a_plan_that_cannot_be_prepared_is_refused_at_its_place(client, made, olga):
    document = _document(phases=[{**_PHASE, "recipe": {"epochs": 0}}])
    response = client.put(f"{BUNDLE}?dry_run=true", headers=olga.headers, **_sent(document))
    assert response.status_code == 422
    assert "competition.yaml: phases.0.recipe.epochs: " in response.json()["detail"]


def test_export_can_be_sent_back_and_changes_nothing(client, made, oscar):
    exported = client.get(BUNDLE, headers=oscar.headers)
    assert exported.headers["content-type"] == "application/zip"
    sent = {"files": {"file": ("bundle.zip", exported.content)}}
    shown = client.put(f"{BUNDLE}?dry_run=true", headers=oscar.headers, **sent).json()
    assert shown == {"competition": "faces", "applied": False, "allowed": True, "changes": []}


@on_both_databases
def test_changes_are_shown_first_and_made_as_shown(client, made, oscar):
    sent = _sent(_document(title="Better", phases=[{**_PHASE, "quotas": {"per_day": 3}}]))
    unseen = client.put(BUNDLE, headers=oscar.headers, **sent)
    assert unseen.status_code == 428
    shown = client.put(f"{BUNDLE}?dry_run=true", headers=oscar.headers, **sent)
    assert [(one["path"], one["after"]) for one in shown.json()["changes"]] == [
        ("title", "Better"),
        ("phases.check.quotas.per_day", 3),
    ]
    assert client.get(FACES).json()["title"] == "Faces"
    headers = oscar.headers | {"If-Match": shown.headers["ETag"]}
    done = client.put(BUNDLE, headers=headers, **sent)
    assert done.json() == shown.json() | {"applied": True}
    assert client.get(FACES).json()["title"] == "Better"
    assert client.put(BUNDLE, headers=headers, **sent).status_code == 412
    with db.reading() as session:
        names = session.scalars(
            select(AuditEvent.actor_name).where(AuditEvent.action == "competition.change")
        )
        assert list(names) == ["oscar"]


def test_change_that_is_refused_says_why_and_changes_nothing(client, made, oscar):
    sent = _sent(_document(slug="other", title="Better"))
    shown = client.put(f"{BUNDLE}?dry_run=true", headers=oscar.headers, **sent)
    assert shown.json()["allowed"] is False
    done = client.put(BUNDLE, headers=oscar.headers | {"If-Match": shown.headers["ETag"]}, **sent)
    assert done.status_code == 409
    assert "slug: the slug is the competition's address" in done.json()["detail"]
    assert client.get(FACES).json()["title"] == "Faces"


def test_bundle_is_for_organizers(client, made, ada):
    for headers, status in (({}, 401), (ada.headers, 403)):
        assert client.get(BUNDLE, headers=headers).status_code == status
        assert client.put(f"{BUNDLE}?dry_run=true", headers=headers, **_sent({})).status_code == status
        assert client.delete(FACES, headers=headers).status_code == status
        assert client.delete(PHASE, headers=headers).status_code == status


def test_deletion_is_refused_once_there_are_submissions(client, make_competition, olga, ada):
    make_competition()
    files_ = {"file": ("submission.py", HONEST)}
    assert client.post(f"{PHASE}/submissions", headers=ada.headers, files=files_).is_success
    for address in (PHASE, FACES):
        response = client.delete(address, headers=olga.headers)
        assert response.status_code == 409
        assert response.json()["type"] == "urn:lethe:problem:deletion-refused"


def test_deletion_without_submissions_leaves_nothing(client, make_competition, olga):
    make_competition()
    assert client.delete(PHASE, headers=olga.headers).status_code == 204
    assert client.get(PHASE).status_code == 404
    assert client.delete(FACES, headers=olga.headers).status_code == 204
    assert client.get(FACES).status_code == 404


def test_schema_is_served(client):
    response = client.get("/api/v1/competition-schema")
    assert response.headers["content-type"] == "application/schema+json"
    jsonschema.Draft202012Validator(response.json()).validate(_document())
