"""Which shelf a URL means: `s3://bucket/prefix`, `gs://…`, `az://…`, `file:///folder`, or a path.

What stands behind the `?` says how to get there (`endpoint`, `region`, `account`, and credentials,
where they are not in the variables that the vendors' own tools read).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.store.artifacts.local import LocalShelf
from anymedia.store.artifacts.shelf import Shelf

CONNECT_SECONDS = 10
REQUEST_SECONDS = 120
"""For one request, which carries a part or a piece and never a whole artifact."""
RETRY_SECONDS = 30
RETRIES = 3
YES = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class Vendor:
    """How a vendor's store is opened."""

    kind: str
    """The class in `obstore.store`."""
    options: Mapping[str, str]
    """What may stand in the URL, and how obstore calls it."""
    flags: Mapping[str, str]
    credentials: str


VENDORS: dict[str, Vendor] = {
    "s3": Vendor(
        kind="S3Store",
        options={
            "endpoint": "endpoint",
            "region": "region",
            "access_key_id": "access_key_id",
            "secret_access_key": "secret_access_key",
            "session_token": "session_token",
        },
        flags={"virtual_hosted": "virtual_hosted_style_request", "anonymous": "skip_signature"},
        credentials="`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
    ),
    "gs": Vendor(
        kind="GCSStore",
        options={
            "endpoint": "base_url",
            "service_account": "service_account",
            "token": "bearer_token",
        },
        flags={},
        credentials="`GOOGLE_APPLICATION_CREDENTIALS`",
    ),
    "az": Vendor(
        kind="AzureStore",
        options={
            "endpoint": "endpoint",
            "account": "account_name",
            "key": "account_key",
            "sas": "sas_key",
        },
        flags={"emulator": "use_emulator", "anonymous": "skip_signature"},
        credentials="`AZURE_STORAGE_ACCOUNT_NAME` and `AZURE_STORAGE_ACCOUNT_KEY`",
    ),
}
LINKS = {"store": True, "gateway": False}
"""Who signs links (`links=`): the store itself, or the gateway, which then streams the bytes."""


def shelf_at(url: str, *, flush: Callable[[int], None] = os.fsync) -> Shelf:
    """The shelf that a URL means. `InvalidConfiguration` says what is wrong with it."""
    parts = urlsplit(url)
    if "://" not in url:
        return LocalShelf(Path(url).expanduser(), flush=flush)
    if parts.scheme == "file":
        return LocalShelf(Path(unquote(parts.path)), flush=flush)
    vendor = VENDORS.get(parts.scheme)
    if vendor is None:
        raise wrong(f"`{parts.scheme}://` is no kind of store that is known")
    if not parts.netloc or "@" in parts.netloc:
        raise wrong(f"`{parts.scheme}://` needs a bucket and nothing else before the first `/`")
    try:
        import obstore.store
    except ImportError:
        raise InvalidConfiguration(
            "artifacts in an object store need the extra `objects`: "
            "`pip install 'anymedia[objects]'`"
        ) from None
    config, links = said(parts.query, vendor, parts.scheme)
    prefix = unquote(parts.path).strip("/")
    endpoint = str(config.get("endpoint") or config.get("base_url") or endpoint_set(parts.scheme))
    try:
        objects = getattr(obstore.store, vendor.kind)(
            parts.netloc,
            prefix=prefix or None,
            config=config,
            client_options=options(endpoint, emulated=bool(config.get("use_emulator"))),
            retry_config={
                "max_retries": RETRIES,
                "retry_timeout": timedelta(seconds=RETRY_SECONDS),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=200),
                    "max_backoff": timedelta(seconds=5),
                    "base": 2,
                },
            },
        )
    except Exception as error:  # noqa: BLE001  every kind of it is a mistake in the settings
        why = str(error).partition("\n")[0]
        raise wrong(f"`{parts.scheme}://{parts.netloc}` cannot be opened: {why}") from None
    from anymedia.store.artifacts.objects import ObjectShelf

    name = f"{parts.scheme}://{parts.netloc}" + (f"/{prefix}" if prefix else "")
    return ObjectShelf(objects, name, credentials=vendor.credentials, links=links)


def said(query: str, vendor: Vendor, scheme: str) -> tuple[dict[str, Any], bool]:
    """What the URL says behind its `?`, as obstore calls it; and whether the store signs links."""
    config: dict[str, Any] = {}
    links = True
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in vendor.options:
            config[vendor.options[name]] = value
        elif name in vendor.flags and value.lower() in YES:
            config[vendor.flags[name]] = YES[value.lower()]
        elif name == "links" and value in LINKS:
            links = LINKS[value]
        else:
            known = ", ".join((*vendor.options, *vendor.flags, "links=store|gateway"))
            raise wrong(f"`{scheme}://` does not take `{name}` like this; known are {known}")
    return config, links


def endpoint_set(scheme: str) -> str:
    """The endpoint that the vendor's variables name."""
    names = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")}.get(scheme, ())
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def options(endpoint: str, *, emulated: bool) -> dict[str, Any]:
    """How the connection is made. Plain HTTP only where the address says so."""
    return {
        "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        "timeout": timedelta(seconds=REQUEST_SECONDS),
        "allow_http": emulated or endpoint.startswith("http://"),
        "user_agent": "anymedia",
    }


def wrong(why: str) -> InvalidConfiguration:
    """A URL that means no store."""
    return InvalidConfiguration(
        f"`artifacts_url` (ANYMEDIA_ARTIFACTS_URL): {why}. Expected a folder, or "
        f"`s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`"
    )
