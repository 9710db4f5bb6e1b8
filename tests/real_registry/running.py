"""Debian's docker-registry on a loopback port, filled by skopeo or through its own API."""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.imitation import media
from app.imitation.documents import Document

CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {storage}}}}}
http: {{addr: "{host}"}}
"""


@dataclass(frozen=True, slots=True)
class RealRegistry:
    """A running registry. References are `repository:tag` without a host; Hub's `library/` is not added."""

    host: str
    http: httpx.Client
    storage: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def push(self, source: Path | str, reference: str, *options: str) -> None:
        """Copy an OCI layout (folder, or `folder:tag` for one of several) with all its platforms by skopeo."""
        where = f"dir:{source}" if (Path(source) / "version").exists() else f"oci:{source}"
        skopeo("copy", "--all", "--dest-tls-verify=false", *options, where, f"docker://{self.host}/{reference}")

    def put(self, reference: str, document: Document) -> None:
        """Upload a document with its children and blobs through the registry's API."""
        repository, _, tag = reference.rpartition(":")
        self.put_parts(repository, document)
        self._put_manifest(repository, tag, document)

    def put_parts(self, repository: str, document: Document) -> None:
        """Upload all that a document refers to."""
        for digest, content in document.blobs.items():
            self._put_blob(repository, digest, content)
        for child in document.children:
            self.put_parts(repository, child)
            self._put_manifest(repository, child.digest, child)

    def _put_blob(self, repository: str, digest: str, content: bytes) -> None:
        if self.http.head(f"/v2/{repository}/blobs/{digest}").status_code == 200:
            return
        upload = self.http.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
        self.http.put(upload, params=httpx.URL(upload).params.set("digest", digest), content=content).raise_for_status()

    def _put_manifest(self, repository: str, reference: str, document: Document) -> None:
        answer = self.http.put(
            f"/v2/{repository}/manifests/{reference}",
            content=document.body,
            headers={"content-type": document.media_type},
        )
        assert answer.status_code == 201, answer.text

    def link_tag(self, repository: str, tag: str, document: Document) -> None:
        """Put a manifest into the storage folder (distribution registry/storage/paths.go); its parts must be there."""
        root = self.storage / "docker" / "registry" / "v2"
        hex_digest = document.digest.removeprefix("sha256:")
        manifests = root / "repositories" / repository / "_manifests"
        _write(root / "blobs" / "sha256" / hex_digest[:2] / hex_digest / "data", document.body)
        for link in (
            manifests / "revisions" / "sha256" / hex_digest,
            manifests / "tags" / tag / "current",
            manifests / "tags" / tag / "index" / "sha256" / hex_digest,
        ):
            _write(link / "link", document.digest.encode())

    def inspect_raw(self, reference: str) -> dict[str, Any]:
        """The document behind `repository:tag` or `repository@digest`, as skopeo shows it."""
        text = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{self.host}/{reference}")
        told: dict[str, Any] = json.loads(text)
        return told

    def compressed_bytes(self, reference: str) -> dict[str, int]:
        """By digest of each image behind the reference: the sum of its layers, all numbers told by skopeo."""
        told = self.inspect_raw(reference)
        if "manifests" not in told:
            return {self.digest(reference): sum(layer["size"] for layer in told["layers"])}
        repository = reference.partition("@")[0].rpartition(":")[0] or reference.partition("@")[0]
        images = (child for child in told["manifests"] if child.get("platform", {}).get("os") != "unknown")
        sums: dict[str, int] = {}
        for child in images:
            sums |= self.compressed_bytes(f"{repository}@{child['digest']}")
        return sums

    def digest(self, reference: str) -> str:
        """The digest that skopeo computes of the document behind a reference to one image."""
        where = f"docker://{self.host}/{reference}"
        return skopeo("inspect", "--tls-verify=false", "--format={{.Digest}}", where).strip()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def skopeo(command: str, *arguments: str) -> str:
    """What skopeo prints; no signature policy, no more than a minute."""
    done = subprocess.run(
        ["skopeo", "--insecure-policy", command, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running_registry(folder: Path) -> Iterator[RealRegistry]:
    """docker-registry with its storage in `folder`, ended with the block."""
    host = f"127.0.0.1:{_free_port()}"
    config = folder / "config.yml"
    config.write_text(CONFIG.format(storage=folder / "storage", host=host))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log) as process,
        httpx.Client(base_url=f"http://{host}", headers={"accept": ", ".join(media.FOUR)}, trust_env=False) as http,
    ):
        try:
            _wait_until_up(http, process, folder / "log")
            yield RealRegistry(host, http, folder / "storage")
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(http: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            http.get("/v2/")
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"docker-registry did not answer: {log.read_text()}")
