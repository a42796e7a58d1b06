"""Provenance: told from the rows, the same at any time, and nothing said that was not asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from anymedia import Client
from anymedia.contracts.errors import InvalidConfiguration, InvalidRequest, NotFound
from anymedia.contracts.manifest import GENERATED, Manifest
from anymedia.store.artifacts.links import Links

WORDS = "a heron in green reeds"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """The client of an empty directory, with a gateway somewhere."""
    config = {"providers": {"echo": {}}, "gateway": {"public_url": "https://media.example"}}
    with Client(config, data_dir=tmp_path / "data") as found:
        yield found


def test_a_manifest_tells_who_made_it_of_what_and_for_how_much(client: Client) -> None:
    """With its lineage, and the names that C2PA has for it."""
    first = client.image(WORDS, seed=7, aspect_ratio="1:1")
    source = first.artifacts[0]
    made = client.image("the same at night", image=source)
    manifest = client.manifest(made.artifacts[0].id)
    assert manifest.artifact.sha256 == made.artifacts[0].sha256
    assert manifest.maker is not None
    assert (manifest.maker.provider, manifest.maker.model) == ("echo", made.attempts[0].model)
    assert manifest.cost is not None
    assert manifest.cost.basis == made.cost.basis
    assert manifest.lineage is not None
    assert manifest.lineage.job_id == made.job_id
    assert [(one.id, one.relation) for one in manifest.lineage.relatives] == [(source.id, "input")]
    (assertion,) = manifest.c2pa["assertions"]
    (action,) = assertion["data"]["actions"]
    assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", GENERATED)
    assert manifest.c2pa["ingredients"][0]["relationship"] == "inputTo"
    begun = client.manifest(source.id).request
    assert begun is not None
    assert (begun.seed, begun.parameters["aspect_ratio"]) == (7, "1:1")


def test_the_prompt_is_told_only_where_it_is_asked_for(client: Client) -> None:
    """Neither in the parameters nor anywhere else."""
    artifact = client.image(WORDS, negative_prompt="no cranes").artifacts[0]
    assert "heron" not in client.manifest(artifact.id).model_dump_json()
    assert "cranes" not in client.manifest(artifact.id).model_dump_json()
    full = client.manifest(artifact.id, prompt=True).request
    assert full is not None
    assert full.words == {"prompt": WORDS, "negative_prompt": "no cranes"}


def test_a_manifest_is_the_same_at_any_time_and_shows_when_it_was_changed(client: Client) -> None:
    """Its hash is over its canonical form."""
    artifact = client.image(WORDS).artifacts[0]
    one, two = client.manifest(artifact.id), client.manifest(artifact.id)
    assert one == two
    assert one.is_whole()
    assert Manifest.model_validate_json(one.model_dump_json()).is_whole()
    document = one.model_dump()
    document["artifact"]["sha256"] = "0" * 64
    assert not Manifest.model_validate(document).is_whole()


def test_artifacts_are_exported_with_their_manifests_once(client: Client, tmp_path: Path) -> None:
    """What was cut is copied again, what is there whole is passed over."""
    artifacts = [client.image(WORDS, seed=seed).artifacts[0] for seed in (1, 2)]
    out = tmp_path / "out"
    copied = dict(client.artifacts.export(out, since="1d"))
    assert list(copied.values()) == [True, True]
    assert list(dict(client.artifacts.export(out)).values()) == [False, False]
    cut = next(path for path in copied if artifacts[0].id in path.name)
    cut.write_bytes(b"half")
    again = dict(client.artifacts.export(out))
    assert [path for path, new in again.items() if new] == [cut]
    assert cut.read_bytes() == artifacts[0].read()
    note = json.loads(cut.with_name(f"{artifacts[0].id}.manifest.json").read_text("utf-8"))
    assert Manifest.model_validate(note).is_whole()


def test_what_is_damaged_or_missing_is_found(client: Client, tmp_path: Path) -> None:
    """By reading everything anew."""
    whole, damaged, cut, gone = (client.image(WORDS, seed=n).artifacts[0] for n in range(4))
    place = tmp_path / "data" / "artifacts"
    data = bytearray((place / damaged.location).read_bytes())
    data[100] ^= 1
    (place / damaged.location).write_bytes(data)
    (place / cut.location).write_bytes(b"half")
    (place / gone.location).unlink()
    found = {one.artifact_id: one.condition for one in client.artifacts.verify()}
    assert found == {
        whole.id: "whole",
        damaged.id: "damaged",
        cut.id: "damaged",
        gone.id: "missing",
    }


def test_links_are_bound_to_one_artifact_and_to_a_time(client: Client, tmp_path: Path) -> None:
    """And are made with a key that is not in the database."""
    artifact = client.image(WORDS).artifacts[0]
    link = artifact.link(60)
    assert link.startswith(f"https://media.example/api/artifacts/{artifact.id}?expires=")
    key = tmp_path / "data" / "artifact-links.key"
    assert key.stat().st_mode & 0o777 == 0o600
    links = Links(key)
    expires, signature = (part.partition("=")[2] for part in link.partition("?")[2].split("&"))
    links.check(artifact.id, expires, signature, float(expires) - 1)
    for wrong in (
        ("art_other", expires, signature, 0.0),
        (artifact.id, str(int(expires) + 1), signature, 0.0),
        (artifact.id, expires, signature[:-1] + "x", 0.0),
        (artifact.id, expires, signature + "é", 0.0),
        (artifact.id, "never", signature, 0.0),
        (artifact.id, expires, signature, float(expires)),
    ):
        with pytest.raises(NotFound):
            links.check(*wrong)
    with pytest.raises(InvalidRequest, match="7 days"):
        artifact.link(10**7)


def test_a_link_to_a_folder_needs_a_gateway(tmp_path: Path) -> None:
    """Said with the next step."""
    with (
        Client({"providers": {"echo": {}}}, data_dir=tmp_path) as client,
        pytest.raises(InvalidConfiguration, match="public_url"),
    ):
        client.link(client.image(WORDS).artifacts[0].id)
