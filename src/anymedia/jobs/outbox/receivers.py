"""Where messages may go: to the open internet by https, and inside only where that is allowed."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from anymedia.contracts.callback import CallbackSettings
from anymedia.contracts.errors import GenerationError, InvalidRequest, NetworkFailed
from anymedia.engine.download import Downloads, origin

UNFIT = re.compile(r"[\x00-\x20\x7f-\U0010ffff\\]")
"""What a URL has only when somebody wants it to be read in two ways."""
HINT = "`callbacks.allow_private` in the configuration allows hosts and networks inside"


def check_form(url: str, settings: CallbackSettings) -> None:
    """Raises `InvalidRequest` for a URL that is never called, wherever it leads."""
    if UNFIT.search(url):
        raise InvalidRequest("`callback_url` holds spaces, control or other unfit characters")
    scheme, host, port = origin(url)
    if scheme not in {"https", "http"} or not host or port is None:
        raise InvalidRequest("`callback_url` is not an https URL")
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(
            "`callback_url` holds a user or password, which would stand in logs; messages are "
            "signed instead (`anymedia webhooks secret`)"
        )
    if scheme == "http" and not settings.allow_http and not host_allowed(host, settings):
        raise InvalidRequest(
            "`callback_url` must be https; `callbacks.allow_http` in the configuration lifts that"
        )


async def checked(
    url: str, settings: CallbackSettings, downloads: Downloads
) -> tuple[str, str, int]:
    """Host, address and port to go to, resolved now. Raises where it must not go."""
    check_form(url, settings)

    def allowed(host: str, address: str) -> bool:
        return host_allowed(host, settings) or address_allowed(address, settings)

    try:
        return await downloads.checked(url, allowed)
    except NetworkFailed:
        raise
    except GenerationError:
        host = origin(url)[1]
        raise InvalidRequest(
            f"`callback_url` leads to `{host}`, a private address, where no messages are sent; "
            f"{HINT}"
        ) from None


async def check(url: str, settings: CallbackSettings, downloads: Downloads) -> None:
    """At submit: refuse what would never be called. A name may yet get an address later."""
    try:
        await checked(url, settings, downloads)
    except NetworkFailed:
        return


def host_allowed(host: str, settings: CallbackSettings) -> bool:
    """Whether a host is allowed by its name, or as the address that it is."""
    names = {one.lower() for one in settings.allow_private}
    return host.lower() in names or address_allowed(host, settings)


def address_allowed(address: str, settings: CallbackSettings) -> bool:
    """Whether an address lies in what is allowed."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    for said in settings.allow_private:
        try:
            network = ipaddress.ip_network(said, strict=False)
        except ValueError:
            continue  # a name
        if found in network:
            return True
    return False
