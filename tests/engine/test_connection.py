"""One conversation: what its failures prove, how long it may take, and where the key goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InvalidRequest,
    MissingKey,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.problem import Acceptance
from anymedia.engine.connection import Connection
from anymedia.engine.download import Downloads
from anymedia.providers.spec import Provider
from anymedia.wire.auth import Secret, Token
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, get, post
from tests.engine.workbench import finished
from tests.support.acme import ACME
from tests.support.clock import FakeClock
from tests.support.transport import (
    After,
    Answer,
    ScriptedTransport,
    answer,
    cut,
    timed_out,
    unreachable,
)


class Line:
    """A connection to Acme over a written transport."""

    def __init__(self, *answers: Answer, provider: Provider = ACME, **configured: Any) -> None:
        self.clock = FakeClock()
        self.transport = ScriptedTransport(*answers, clock=self.clock)
        configured.setdefault("api_key", SecretStr("acme-secret-key"))
        self.connection = Connection(
            provider,
            ProviderSettings(name="acme", **configured),
            Settings(),
            transport=self.transport,
            clock=self.clock,
        )

    def converse(self, *requests: HttpRequest, timeout_seconds: float = 60.0, **more: Any) -> Any:
        """Have a conversation of these requests."""

        def exchange() -> Exchange[list[int]]:
            statuses = []
            for request in requests:
                response = yield request
                statuses.append(response.status)
            return statuses

        return finished(
            self.connection.converse(exchange(), timeout_seconds=timeout_seconds, **more)
        )


BUY, LOOK = post("/clips", json={}), get("/clips/1")


@pytest.mark.parametrize(
    ("requests", "answers", "accepted"),
    [
        ((BUY,), (timed_out(),), "unknown"),
        ((BUY,), (cut(),), "unknown"),
        ((BUY,), (answer({}, 500),), "unknown"),
        ((BUY,), (unreachable(),), "no"),
        ((BUY,), (answer({}, 429),), "no"),
        ((BUY,), (answer({}, 400),), "no"),
        # Reading buys nothing, however it fails.
        ((LOOK, BUY), (timed_out(),), "no"),
        ((LOOK, BUY), (answer({}, 500),), "no"),
        ((LOOK, BUY), (answer({}), timed_out()), "unknown"),
        # What was bought stays bought when looking at it fails.
        ((BUY, LOOK), (answer({}), unreachable()), "unknown"),
        ((BUY, LOOK), (answer({}), answer({}, 404)), "unknown"),
        ((BUY, LOOK), (answer({}), cut()), "unknown"),
        # A refusal after a first step (an upload, say) is a refusal.
        ((BUY, BUY), (answer({}), answer({}, 400)), "no"),
    ],
)
def test_a_failure_says_whether_the_work_may_have_been_taken_on(
    requests: tuple[HttpRequest, ...], answers: tuple[Answer, ...], accepted: Acceptance
) -> None:
    """Only what was surely not taken on may be sent again."""
    with pytest.raises(GenerationError) as caught:
        Line(*answers).converse(*requests)
    assert caught.value.accepted == accepted
    assert caught.value.provider == "acme"


@pytest.mark.parametrize(
    ("request_", "base_url", "directly"),
    [
        (LOOK, "http://127.0.0.1:9", True),
        (get("/clips", query={"label": "a b"}), "http://127.0.0.1:9/v1", True),
        (LOOK, "https://api.acme.example", False),
        (BUY, "http://127.0.0.1:9", False),
    ],
    ids=["question", "with-query", "encrypted", "purchase"],
)
def test_only_questions_over_plain_http_are_asked_by_the_loop_itself(
    request_: HttpRequest, base_url: str, *, directly: bool
) -> None:
    """What a broken connection proves of a purchase is known of the other way only."""
    line = Line(answer({}), base_url=base_url)
    line.converse(request_)
    (sent,) = line.transport.sent
    assert (sent.head is not None) is directly
    if sent.head is not None:
        target = sent.url.removeprefix("http://127.0.0.1:9")
        assert sent.head.startswith(f"GET {target} HTTP/1.1\r\n".encode())
        assert b"acme-secret-key" in sent.head


def test_each_question_goes_with_headers_of_its_own() -> None:
    """Also after another that had others, or none that could go this way."""
    line = Line(*[answer({})] * 4, base_url="http://127.0.0.1:9")
    labels = ["one", "two", "one", None]
    line.converse(*(LOOK.with_headers({"X-Label": label} if label else {}) for label in labels))
    for sent, label in zip(line.transport.sent, labels, strict=True):
        assert sent.head is not None
        heads = sent.head.lower().split(b"\r\n")
        said = [one for one in heads if one.startswith(b"x-label:")]
        assert said == ([f"x-label: {label}".encode()] if label else [])


def test_an_adapter_may_catch_what_it_expects() -> None:
    """The failure goes in at the `yield`."""

    def exchange() -> Exchange[str]:
        try:
            yield LOOK
        except RequestRejected as error:
            return f"caught {error.http_status}"
        return "not caught"

    line = Line(answer({}, 404))
    assert finished(line.connection.converse(exchange(), timeout_seconds=9)) == "caught 404"


def test_a_status_that_is_allowed_is_no_failure() -> None:
    """The adapter looks at it itself."""
    assert Line(answer({}, 409)).converse(post("/x", allow=frozenset({409}))) == [409]


def test_the_time_allowed_is_for_the_whole_conversation() -> None:
    """A guard counts on it: who sends longer than he said may be taken for dead."""
    line = Line(After(20, answer({})), After(15, answer({})), answer({}))
    line.converse(LOOK, LOOK, BUY, timeout_seconds=60)
    assert [one.total_seconds for one in line.transport.sent] == [60, 40, 25]


def test_nothing_is_sent_when_its_time_is_over() -> None:
    """The purchase was not made, and the error says so."""
    line = Line(After(59, answer({})))

    def slow() -> Exchange[None]:
        yield LOOK
        line.clock.advance(2)
        yield BUY

    with pytest.raises(ProviderTimeout, match="longer than 60 s") as caught:
        finished(line.connection.converse(slow(), timeout_seconds=60))
    assert caught.value.accepted == "no"
    assert len(line.transport.sent) == 1


def test_one_request_may_be_given_less_time_but_never_more() -> None:
    """Where it is unlike the others."""
    line = Line(answer({}), answer({}))
    line.converse(get("/a", timeout_seconds=5), get("/b", timeout_seconds=500))
    assert [one.total_seconds for one in line.transport.sent] == [5, 60]


def test_headers_such_as_an_idempotency_key_go_with_what_is_written() -> None:
    """Not with what is read."""
    line = Line(answer({}), answer({}))
    line.converse(LOOK, BUY, headers={"Idempotency-Key": "att_1"})
    looked, bought = line.transport.sent
    assert "Idempotency-Key" not in looked.headers
    assert bought.headers["Idempotency-Key"] == "att_1"


def test_a_key_is_never_sent_to_another_host() -> None:
    """An answer that names a foreign URL for the next step is not followed with it."""
    line = Line()
    with pytest.raises(UnreadableResponse, match=r"evil\.test, which is not its own host"):
        line.converse(get("https://evil.test/steal"))
    assert line.transport.sent == []


@pytest.mark.parametrize("url", ["https://[", "https://api.acme.example:999999/", "https://"])
def test_a_url_that_is_none_is_not_followed_either(url: str) -> None:
    """Nor does it break anything."""
    with pytest.raises(UnreadableResponse):
        Line().converse(get(url))


def test_a_foreign_url_without_the_key_is_fine() -> None:
    """Presigned uploads go there."""
    line = Line(HttpResponse(200))
    line.converse(HttpRequest(method="PUT", path="https://store.test/x", authorize=False))
    assert "Authorization" not in line.transport.sent[0].headers


@pytest.mark.parametrize(
    ("status", "accepted"),
    [(301, "no"), (307, "no"), (308, "no"), (302, "unknown"), (303, "unknown")],
)
def test_redirects_are_not_followed(status: int, accepted: Acceptance) -> None:
    """APIs do not redirect; a wrong `base_url` does, and the message says so."""
    line = Line(HttpResponse(status, headers={"location": "https://other.test/login?key=1"}))
    with pytest.raises(
        ProviderError, match=r"redirected to other\.test; check `base_url`"
    ) as caught:
        line.converse(BUY)
    assert caught.value.accepted == accepted


def test_a_redirect_to_nonsense_is_an_error_of_ours() -> None:
    """Proxies have been seen to send one."""
    with pytest.raises(ProviderError):
        Line(HttpResponse(302, headers={"location": "https://["})).converse(BUY)


def test_the_configured_address_and_proxy_are_used() -> None:
    """`base_url` wins over the provider's own; a slash at its end does no harm."""
    line = Line(answer({}), base_url="http://127.0.0.1:9/v9/", proxy="http://proxy.test:3128")
    line.converse(BUY)
    (sent,) = line.transport.sent
    assert (sent.url, sent.proxy) == ("http://127.0.0.1:9/v9/clips", "http://proxy.test:3128")


def test_text_that_no_encoding_can_carry_is_the_callers_mistake() -> None:
    """Half of a surrogate pair."""
    with pytest.raises(InvalidRequest, match="surrogate"):
        Line().converse(post("/text", json={"text": "\ud83d"}))


def test_what_is_missing_is_named() -> None:
    """By its variable."""
    missing = Line(api_key=None).connection.missing()
    assert isinstance(missing, MissingKey)
    assert "`ACME_API_KEY`" in missing.message


def test_a_refused_key_is_not_repeated_in_the_message() -> None:
    """Some providers quote it."""
    said = {"error": {"message": "bad key acme-secret-key"}}
    with pytest.raises(AuthenticationFailed) as caught:
        Line(answer(said, 401)).converse(BUY)
    assert "acme-secret-key" not in str(caught.value)
    assert "acme-secret-key" not in caught.value.problem().model_dump_json()


# --- tokens ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trading:
    """Trades its key for a token of ten minutes."""

    secrets: tuple[Secret, ...] = (Secret(environment=("ACME_API_KEY",)),)

    def authorize(
        self, request: HttpRequest, secrets: Mapping[str, str], now: datetime
    ) -> HttpRequest:
        return request.with_headers({"Authorization": f"Token {secrets['token']}"})

    def grant(self, secrets: Mapping[str, str], now: datetime) -> Exchange[Token]:
        response = yield post("/token", json={"key": secrets["api_key"]}, authorize=False)
        return Token(
            value=response.read(dict[str, str])["token"], expires_at=now + timedelta(minutes=10)
        )


TRADER = replace(ACME, auth=Trading())


def paths(line: Line) -> list[str]:
    """What was asked for."""
    return [one.url.rpartition("/")[2] for one in line.transport.sent]


def test_a_token_is_got_once_and_used_until_it_is_about_to_end() -> None:
    """It is renewed early, so that none ends on the way."""
    line = Line(
        *(answer({"token": "one"}), answer({}), answer({}), answer({"token": "two"}), answer({})),
        provider=TRADER,
    )
    line.converse(BUY)
    line.clock.advance(7 * 60)
    line.converse(BUY)
    line.clock.advance(2 * 60)
    line.converse(BUY)
    assert paths(line) == ["token", "clips", "clips", "token", "clips"]
    assert line.transport.sent[-1].headers["Authorization"] == "Token two"


def test_many_requests_at_once_get_one_token() -> None:
    """The first one asks, the others wait for it."""
    line = Line(answer({"token": "one"}), *[answer({})] * 5, provider=TRADER)

    def buying() -> Exchange[None]:
        yield BUY

    async def five() -> None:
        converse = line.connection.converse
        await asyncio.gather(*(converse(buying(), timeout_seconds=9) for _ in range(5)))

    finished(five())
    assert paths(line).count("token") == 1


@pytest.mark.parametrize("failure", [timed_out(), cut(), answer({}, 500)])
def test_nothing_was_bought_when_the_token_could_not_be_got(failure: Answer) -> None:
    """However the asking for it failed, the purchase was not sent."""
    line = Line(failure, provider=TRADER)
    with pytest.raises(GenerationError) as caught:
        line.converse(BUY)
    assert caught.value.accepted == "no"
    assert paths(line) == ["token"]


def test_a_token_that_is_refused_is_not_used_again() -> None:
    """It may have been revoked."""
    line = Line(
        *(answer({"token": "one"}), answer({}, 401), answer({"token": "two"}), answer({})),
        provider=TRADER,
    )
    with pytest.raises(AuthenticationFailed):
        line.converse(BUY)
    line.converse(BUY)
    assert paths(line) == ["token", "clips", "token", "clips"]


def test_getting_a_token_takes_from_the_time_allowed() -> None:
    """The purchase has what is left of it."""
    line = Line(After(8, answer({"token": "one"})), answer({}), provider=TRADER)
    line.converse(BUY, timeout_seconds=10)
    assert line.transport.sent[1].total_seconds == pytest.approx(2)
    late = Line(After(12, answer({"token": "one"})), provider=TRADER)
    with pytest.raises(ProviderTimeout) as caught:
        late.converse(BUY, timeout_seconds=10)
    assert caught.value.accepted == "no"


# --- downloads ------------------------------------------------------------------------------


def fetched(line: Line, url: str, *, needs_key: bool) -> bytes:
    """What lies at a URL that Acme named."""

    async def resolve(host: str, port: int) -> list[str]:
        return ["10.0.0.7"] if host.endswith("internal") else ["93.184.216.34"]

    async def fetch() -> bytes:
        downloads = Downloads(line.transport, resolve=resolve)
        async with line.connection.download(url, downloads, needs_key=needs_key) as incoming:
            return b"".join([chunk async for chunk in incoming.chunks])

    return finished(fetch())


def test_a_result_on_the_providers_own_host_may_need_its_key() -> None:
    """Where the adapter says so."""
    line = Line(HttpResponse(200, b"clip"), HttpResponse(200, b"clip"))
    url = "https://api.acme.example/v1/files/1"
    assert fetched(line, url, needs_key=True) == b"clip"
    assert fetched(line, url, needs_key=False) == b"clip"
    keyed, plain = line.transport.sent
    assert keyed.headers["Authorization"] == "Bearer acme-secret-key"
    assert "Authorization" not in plain.headers


def test_a_host_that_a_provider_says_is_its_own_gets_the_key() -> None:
    """A file host beside the API's."""
    line = Line(HttpResponse(200, b"clip"), provider=replace(ACME, hosts=("files.acme.example",)))
    fetched(line, "https://files.acme.example/1", needs_key=True)
    assert line.transport.sent[0].headers["Authorization"] == "Bearer acme-secret-key"


def test_a_redirect_elsewhere_goes_without_the_key() -> None:
    """To storage, say, whose address is checked."""
    line = Line(
        HttpResponse(302, headers={"location": "https://store.test/1?signed"}),
        HttpResponse(200, b"clip"),
    )
    assert fetched(line, "https://api.acme.example/v1/files/1", needs_key=True) == b"clip"
    _, second = line.transport.sent
    assert second.headers == {}
    assert second.pinned_address == ("store.test", "93.184.216.34", 443)


@pytest.mark.parametrize("url", ["https://db.internal/", "file:///etc/passwd", "https://["])
def test_a_result_that_leads_into_our_network_is_not_fetched(url: str) -> None:
    """It is the provider's answer that is wrong, not the caller's request."""
    line = Line()
    with pytest.raises(UnreadableResponse) as caught:
        fetched(line, url, needs_key=False)
    assert (caught.value.provider, caught.value.accepted) == ("acme", "yes")
    assert line.transport.sent == []


def test_results_are_fetched_through_the_providers_proxy() -> None:
    """Whoever configured one has no other way out."""
    line = Line(HttpResponse(200, b"clip"), proxy="http://proxy.test:3128")
    fetched(line, "https://store.test/1", needs_key=False)
    (sent,) = line.transport.sent
    assert (sent.proxy, sent.pinned_address) == ("http://proxy.test:3128", None)


def test_a_failed_download_says_whose_it_was() -> None:
    """And that it can be tried again."""
    line = Line(answer({}, 503))
    with pytest.raises(ProviderUnavailable) as caught:
        fetched(line, "https://store.test/1", needs_key=False)
    assert (caught.value.provider, caught.value.retryable) == ("acme", True)
