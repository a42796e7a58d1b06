"""Where artifacts are kept: a folder of this machine, or an object store, chosen by URL.

`ArtifactStore` is what the rest of anymedia sees. Bytes are spooled to a part file first (`part`),
where they are hashed and looked at; then a shelf takes them whole (`local`, `objects`; the port is
`shelf`). `address` reads the URL, `links` signs what may be fetched without a key.
"""

from anymedia.store.artifacts.store import ArtifactStore

__all__ = ["ArtifactStore"]
