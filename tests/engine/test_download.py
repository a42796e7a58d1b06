"""URLs from outside: fetched where that is safe, and refused where they lead into our network."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as some

from anymedia.contracts.errors import (
    GenerationError,
    NetworkFailed,
    ProviderError,
    ProviderUnavailable,
    UnreadableInput,
)
from anymedia.engine.download import Downloads, is_public, origin, resolved
from anymedia.engine.transport import Outgoing
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import finished
from tests.support.transport import Answer, ScriptedTransport

PUBLIC = "93.184.216.34"
HOSTS = {
    "open.test": [PUBLIC],
    "other.test": ["2606:2800:220:1::1"],
    "inside.test": ["10.1.2.3"],
    "both.test": [PUBLIC, "127.0.0.1"],
    "nowhere.test": [],
}


async def resolve(host: str, port: int) -> list[str]:
    """A name server that the test wrote; addresses stand for themselves."""
    return HOSTS.get(host, [host])


def fetch(url: str, *answers: Answer, **options: object) -> tuple[bytes, list[Outgoing]]:
    """What comes of a URL, and what was sent for it."""
    transport = ScriptedTransport(*answers)

    async def fetching() -> bytes:
        async with Downloads(transport, resolve=resolve).open(url, **options) as incoming:  # type: ignore[arg-type]  # named by each test
            return b"".join([chunk async for chunk in incoming.chunks])

    return finished(fetching()), transport.sent


def moved(location: str, status: int = 302) -> HttpResponse:
    """A redirect."""
    return HttpResponse(status, headers={"location": location})


FOUND = HttpResponse(200, b"a picture")


def test_a_public_url_is_fetched_from_the_address_that_was_checked() -> None:
    """A name server that changes its mind meanwhile has no say."""
    content, (sent,) = fetch("https://open.test/a.png", FOUND)
    assert content == b"a picture"
    assert sent.pinned_address == ("open.test", PUBLIC, 443)
    assert sent.headers == {}


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "192.0.0.8",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
    ],
)
def test_addresses_that_are_not_on_the_open_internet(address: str) -> None:
    """This machine, this network, cloud metadata; also as IPv6 wraps them."""
    assert not is_public(address)


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_addresses_that_are(address: str) -> None:
    """The last one is IPv4 behind NAT64."""
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]:8080/",
        "http://169.254.169.254/latest/meta-data/",
        "https://inside.test/",
        "https://both.test/",
        "http://user:pass@inside.test/",
        "ftp://open.test/a",
        "file:///etc/passwd",
        "gopher://open.test/",
        "https://",
        "https:///a.png",
        "https://[",
        "http://open.test:99999999/",
        "nonsense",
        "",
    ],
)
def test_what_may_not_be_fetched_is_refused_before_anything_is_sent(url: str) -> None:
    """One private address among several is enough."""
    with pytest.raises(UnreadableInput):
        fetch(url)


def test_a_redirect_is_checked_like_any_other_url() -> None:
    """Each is looked up anew."""
    content, sent = fetch("https://open.test/a", moved("https://other.test/b"), FOUND)
    assert content == b"a picture"
    assert [one.pinned_address for one in sent] == [
        ("open.test", PUBLIC, 443),
        ("other.test", "2606:2800:220:1::1", 443),
    ]


@pytest.mark.parametrize(
    "location", ["http://127.0.0.1:6379/", "//inside.test/", "file:///etc/passwd", "https://["]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_into_our_network_is_not_followed(location: str, status: int) -> None:
    """The usual way around a check."""
    with pytest.raises((UnreadableInput, ProviderError)):
        fetch("https://open.test/a", moved(location, status))


def test_a_redirect_may_be_relative() -> None:
    """To another path of the same host."""
    _, sent = fetch("https://open.test/a/b?c=1", moved("../d"), FOUND)
    assert sent[1].url == "https://open.test/d"


def test_redirects_have_an_end() -> None:
    """Five are enough for anyone."""
    with pytest.raises(ProviderError, match="redirects more than 5 times"):
        fetch("https://open.test/", *[moved("https://open.test/")] * 6)


def test_a_redirect_to_nowhere_is_said_to_be_one() -> None:
    """Without a location there is nothing to follow."""
    with pytest.raises(ProviderError, match="without saying where"):
        fetch("https://open.test/", HttpResponse(302))


def test_a_trusted_url_may_be_private_and_gets_the_headers() -> None:
    """A provider that is configured at an address of this network."""

    def trusted(url: str) -> bool:
        return origin(url) == ("http", "inside.test", 8000)

    _, sent = fetch(
        "http://inside.test:8000/a",
        moved("http://inside.test:8000/b"),
        moved("https://open.test/c"),
        FOUND,
        trusted=trusted,
        headers={"Authorization": "Bearer k"},
    )
    assert [one.headers for one in sent] == [
        {"Authorization": "Bearer k"},
        {"Authorization": "Bearer k"},
        {},
    ]
    assert [one.pinned_address is None for one in sent] == [True, True, False]


def test_trust_ends_at_the_port() -> None:
    """Another service of the same machine is not the provider."""
    with pytest.raises(UnreadableInput):
        fetch("http://inside.test:9000/", trusted=lambda url: origin(url)[2] == 8000)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (404, ProviderError, "probably expired"),
        (403, ProviderError, "probably expired"),
        (410, ProviderError, "probably expired"),
        (400, ProviderError, "answered 400"),
        (304, ProviderError, "answered 304"),
        (429, ProviderUnavailable, "answered 429"),
        (503, ProviderUnavailable, "answered 503"),
    ],
)
def test_a_failed_download_says_what_is_wrong(
    status: int, kind: type[GenerationError], words: str
) -> None:
    """And whether it may get better. The URL, which may be signed, is not repeated."""
    with pytest.raises(kind, match=words) as caught:
        fetch("https://open.test/a?signature=s3cret", HttpResponse(status))
    assert "s3cret" not in caught.value.message


def test_a_host_without_an_address_is_a_failure_of_the_network() -> None:
    """It can be tried again."""
    with pytest.raises(NetworkFailed):
        fetch("https://nowhere.test/")


@pytest.mark.parametrize("host", ["nothing.invalid", "a" * 70 + ".test", "a\0b", "xn--"])
def test_names_that_cannot_be_looked_up_are_errors_of_ours(host: str) -> None:
    """The machine's own resolver has several ways to refuse."""
    with pytest.raises(NetworkFailed):
        finished(resolved(host, 443))


@given(some.text(max_size=60))
def test_no_url_breaks_the_check(rest: str) -> None:
    """Whatever people and providers write."""
    transport = ScriptedTransport()
    downloads = Downloads(transport, resolve=resolve)
    for url in (rest, f"https://{rest}", f"http://open.test:{rest}"):
        try:
            finished(downloads.checked(url))
        except (UnreadableInput, NetworkFailed):
            pass
        except ValueError as error:  # the written name server returns hosts as addresses
            assert "does not appear to be an IPv4 or IPv6 address" in str(error)  # noqa: PT017
