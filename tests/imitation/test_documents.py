"""What the builders build is what the specifications describe."""

import json

from app.imitation import media
from app.imitation.documents import DOCKER, ZSTD, Document, Layer, artifact, image, index, stored_layer


def body(document: Document) -> dict[str, list[dict[str, object]]]:
    told: dict[str, list[dict[str, object]]] = json.loads(document.body)
    return told


def test_history_without_empty_steps_matches_layers() -> None:
    """The k-th history entry that is not empty is layer k, and diff_ids are one per layer (image-spec config.md)."""
    built = image("linux/arm/v7", ["ENV A=1", (10, "RUN a"), "ENV B=1", (20, "RUN b")])
    (config,) = (json.loads(blob) for blob in built.blobs.values())
    assert [h["created_by"] for h in config["history"] if not h.get("empty_layer")] == ["RUN a", "RUN b"]
    assert len(config["rootfs"]["diff_ids"]) == len(body(built)["layers"]) == 2
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm", "v7")


def test_forms_have_their_own_media_types() -> None:
    """A Docker image is Docker's throughout; a zstd image is OCI with zstd layers."""
    docker, zstd = (image("linux/amd64", [(1, "x")], form=form) for form in (DOCKER, ZSTD))
    assert docker.media_type == media.DOCKER_MANIFEST
    assert body(docker)["layers"][0]["mediaType"] == media.DOCKER_GZIP
    assert body(zstd)["layers"][0]["mediaType"] == media.OCI_ZSTD


def test_attestations_are_marked_children_of_unknown_platform() -> None:
    """BuildKit's attestation names its subject and has platform unknown/unknown."""
    built = image("linux/amd64", [(1, "x")])
    _, attestation = body(index([built], attestations=True))["manifests"]
    assert attestation["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert attestation["annotations"] == {
        "vnd.docker.reference.digest": built.digest,
        "vnd.docker.reference.type": "attestation-manifest",
    }


def test_indexes_nest() -> None:
    """An index may be the child of an index, then without a platform."""
    inner = index([image("linux/amd64", [(1, "x")])])
    (child,) = body(index([inner]))["manifests"]
    assert child["mediaType"] == media.OCI_INDEX
    assert "platform" not in child


def test_foreign_and_stored_layers() -> None:
    """A foreign layer keeps its urls and its length; a stored one has the digest of its bytes."""
    foreign = Layer(5, "base", media.DOCKER_FOREIGN, urls=("https://example.com/layer",))
    stored = stored_layer(b"abc", "ADD abc")
    built = image("windows/amd64/10.0.17763.1", [foreign, stored], form=DOCKER)
    assert [(layer["size"], layer.get("urls")) for layer in body(built)["layers"]] == [
        (5, ["https://example.com/layer"]),
        (3, None),
    ]
    assert built.blobs[stored.digest] == b"abc"
    assert built.platform == {"os": "windows", "architecture": "amd64", "os.version": "10.0.17763.1"}


def test_artifact_has_a_type_and_the_empty_config() -> None:
    """OCI 1.1 artifacts are told from images by `artifactType` and the empty config."""
    subject = image("linux/amd64", [(1, "x")])
    told = json.loads(artifact("application/spdx+json", [Layer(9, "")], subject).body)
    assert told["artifactType"] == "application/spdx+json"
    assert told["config"]["mediaType"] == media.OCI_EMPTY
    assert told["subject"]["digest"] == subject.digest
