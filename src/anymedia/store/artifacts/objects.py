"""Artifacts in an object store: S3, Google Cloud Storage or Azure Blob Storage, through obstore.

An upload becomes visible as a whole when its last part is in; one that dies leaves no object.
Reads ask for one small range after the other, so that neither memory nor a slow reader matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.media import StoredArtifact
from anymedia.store.artifacts.shelf import LOCATION, MARKS, Kept, disposition

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

PIECE_BYTES = 1024 * 1024
PART_BYTES = 8 * 1024 * 1024
MOST_PARTS = 9_000
"""Stores take 10,000 at most; larger artifacts get larger parts."""
AT_ONCE = 2
"""Parts of one upload in memory."""
DENIED = (
    *("AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    *("AuthenticationFailed", "AuthorizationFailure", "InvalidToken", "ExpiredToken"),
)
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
NO_CREDENTIALS = (
    *("169.254.169.254", "metadata.google.internal", "CredentialProvider"),
    *("MissingCredentials", "NoCredentials"),
)


class ObjectShelf:
    """A bucket, or what lies under a prefix of it."""

    def __init__(
        self,
        objects: S3Store | GCSStore | AzureStore,
        name: str,
        *,
        credentials: str,
        links: bool = True,
    ) -> None:
        self._objects: Any = objects
        self.name = name
        self._credentials = credentials
        self._links = links

    def put(self, part: Path, artifact: StoredArtifact) -> None:
        import obstore

        size = part.stat().st_size
        try:
            with self._told("take an artifact"):
                obstore.put(
                    self._objects,
                    artifact.location,
                    part,
                    attributes={
                        "Content-Type": artifact.media_type,
                        "Content-Disposition": disposition(artifact),
                    },
                    chunk_size=max(PART_BYTES, -(-size // MOST_PARTS)),
                    max_concurrency=AT_ONCE,
                )
        except FileNotFoundError:
            raise self._failed("take an artifact", FileNotFoundError(NO_BUCKET[0])) from None

    def size(self, location: str) -> int | None:
        import obstore

        try:
            with self._told("be looked at"):
                return int(obstore.head(self._objects, location)["size"])
        except FileNotFoundError:
            return None

    def pieces(self, location: str, start: int, end: int) -> Iterator[bytes]:
        import obstore

        while start < end:
            stop = min(start + PIECE_BYTES, end)
            with self._told("be read"):
                piece = bytes(obstore.get_range(self._objects, location, start=start, end=stop))
            if not piece:
                return
            start += len(piece)
            yield piece

    def file(self, location: str) -> Path | None:
        return None

    def remove(self, location: str) -> None:
        import obstore

        try:
            with self._told("forget an artifact"):
                obstore.delete(self._objects, location)
        except FileNotFoundError:
            return

    def kept(self) -> Iterator[Kept]:
        for one in self._listed(None):
            if LOCATION.match(one["path"]):
                yield Kept(one["path"], int(one["size"]), one["last_modified"].timestamp())

    def link(self, location: str, seconds: int) -> str | None:
        import obstore

        if not self._links:
            return None
        try:
            return str(obstore.sign(self._objects, "GET", location, timedelta(seconds=seconds)))
        except Exception as error:  # noqa: BLE001  what it raises depends on the credentials
            if "anonym" in str(error).lower() or "sign" in str(error).lower():
                return None  # credentials that can read and cannot sign: the gateway's link does
            raise self._failed("sign a link", error) from None

    def mark(self, installation: str) -> None:
        import obstore

        with self._told("be marked"):
            obstore.put(self._objects, f"{MARKS}/{installation}", b"anymedia")

    def marks(self) -> set[str]:
        return {one["path"].rpartition("/")[2] for one in self._listed(MARKS)}

    def _listed(self, under: str | None) -> Iterator[Any]:
        import obstore

        with self._told("be listed"):
            pages = iter(obstore.list(self._objects, under, chunk_size=1000))
        while True:
            with self._told("be listed"):
                page = next(pages, None)
            if page is None:
                return
            yield from page

    # --- failures -------------------------------------------------------------------------

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """What the library raises, in our words: whose turn it is, and the next step."""
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            if any(word in str(error) for word in NO_BUCKET):
                raise self._failed(what, error) from None
            raise FileNotFoundError(self.name) from None
        except (BaseError, OSError) as error:
            raise self._failed(what, error) from None

    def _failed(self, what: str, error: Exception) -> StorageFailed:
        words = str(error)
        if any(word in words for word in NO_BUCKET):
            why = "it does not exist. Make it, or correct `artifacts_url`"
        elif any(word in words for word in NO_CREDENTIALS):
            why = f"there are no credentials. Set {self._credentials}"
        elif any(word in words for word in DENIED) or isinstance(error, PermissionError):
            why = f"access is denied. Check {self._credentials} and what they may do there"
        else:
            why = (
                "it cannot be reached or has failed. Check the endpoint in `artifacts_url`, the "
                "region and the network"
            )
        return StorageFailed(f"the artifact store `{self.name}` cannot {what}: {why}")
