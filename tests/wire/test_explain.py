"""From a failed response to an error, by the strongest evidence; and it never raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.problem import Acceptance
from anymedia.providers.explain import (
    LONGEST_MESSAGE,
    ErrorTable,
    Rule,
    Said,
    retry_after,
    said_in,
)
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape

PLAIN = ErrorTable()


def answer(status: int, body: Any = None, **headers: str) -> HttpResponse:
    """A failed response with a JSON body."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(status, json.dumps(body).encode(), named)


# --- by status ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "accepted"),
    [
        (400, RequestRejected, "no"),
        (401, AuthenticationFailed, "no"),
        (402, InsufficientCredits, "no"),
        (403, AuthenticationFailed, "no"),
        (404, RequestRejected, "no"),
        (408, ProviderTimeout, "unknown"),
        (422, RequestRejected, "no"),
        (429, RateLimited, "no"),
        (500, ProviderUnavailable, "unknown"),
        (502, ProviderUnavailable, "unknown"),
        (504, ProviderTimeout, "unknown"),
        (529, ProviderUnavailable, "unknown"),
        (600, ProviderError, "unknown"),
        (302, ProviderError, "unknown"),
    ],
)
def test_without_rules_the_status_decides(
    status: int, kind: type[ProviderError], accepted: Acceptance
) -> None:
    """And with it, whether the provider may have taken the work on."""
    error = PLAIN(answer(status, {"error": {"message": "no"}}))

    assert type(error) is kind
    assert error.accepted == accepted
    assert error.http_status == status


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "status", "said", "fits"),
    [
        ({}, 400, {}, True),
        ({"status": 400}, 400, {}, True),
        ({"status": 400}, 401, {}, False),
        ({"status": (400, 404)}, 404, {}, True),
        ({"status": (400, 404)}, 403, {}, False),
        ({"status": range(500, 600)}, 599, {}, True),
        ({"status": range(500, 600)}, 600, {}, False),
        ({"code": "safety"}, 400, {"code": "safety"}, True),
        ({"code": "safety"}, 400, {"type": "safety"}, True),
        ({"code": "safety"}, 400, {"code": "other", "type": "safety"}, True),
        ({"code": "safety"}, 400, {"code": "safety_v2"}, False),
        ({"code": "safety*"}, 400, {"code": "safety_v2"}, True),
        ({"code": "*"}, 400, {"code": "anything"}, True),
        ({"code": "*"}, 400, {}, False),
        ({"code": ("a", "b*")}, 400, {"code": "b2"}, True),
        ({"code": "safety"}, 400, {"message": "safety"}, False),
        ({"words": "Too Large"}, 400, {"message": "the image is too large"}, True),
        ({"words": ("nsfw", "unsafe")}, 400, {"message": "UNSAFE prompt"}, True),
        ({"words": "nsfw"}, 400, {"message": "fine"}, False),
        ({"param": "model"}, 400, {"param": "model"}, True),
        ({"param": "model"}, 400, {"param": "prompt"}, False),
        ({"param": "model"}, 400, {}, False),
        ({"status": 400, "code": "a", "words": "b"}, 400, {"code": "a", "message": "b"}, True),
        ({"status": 400, "code": "a", "words": "b"}, 400, {"code": "a", "message": "c"}, False),
        ({"status": 400, "code": "a"}, 401, {"code": "a"}, False),
    ],
)
def test_a_rule_fits_when_everything_it_states_holds(
    rule: dict[str, Any], status: int, said: dict[str, str], fits: bool
) -> None:
    """Status, code or type, words, the blamed field."""
    assert Rule(error=ContentRefused, **rule).fits(status, Said(**said)) is fits


def test_the_first_rule_that_fits_decides() -> None:
    """Before the status does, with what it says about retries and acceptance."""
    table = ErrorTable(
        rules=(
            Rule(error=ContentRefused, status=400, code="moderation*"),
            Rule(error=ModelUnavailable, status=(400, 404), words="model"),
            Rule(error=ProviderUnavailable, status=503, accepted="no", retryable=False),
        )
    )
    refused = table(
        answer(400, {"error": {"message": "the model said no", "code": "moderation_x"}})
    )
    missing = table(answer(404, {"error": "no such model"}))
    busy = table(answer(503, {"message": "busy"}))

    assert type(refused) is ContentRefused
    assert refused.provider_code == "moderation_x"
    assert type(missing) is ModelUnavailable
    assert type(busy) is ProviderUnavailable
    assert (busy.accepted, busy.retryable) == ("no", False)
    assert type(table(answer(429))) is RateLimited


def test_words_that_came_another_way_are_judged_by_the_same_table() -> None:
    """Inside a 200, in a stream, from a job: then nothing is known of acceptance."""
    table = ErrorTable(rules=(Rule(error=ContentRefused, code="safety"),))
    error = table.decide(Said(message="no", code="safety", param="prompt"))

    assert type(error) is ContentRefused
    assert error.accepted == "unknown"
    assert error.http_status is None
    assert error.details == {"param": "prompt"}


# --- what providers say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        ({"error": {"message": "no", "code": "c", "type": "t", "param": "p"}}, "no", "c"),
        ({"error": {"message": "no", "type": "t", "code": None}}, "no", ""),
        ({"error": {"message": "no", "code": 400, "status": "INVALID"}}, "no", "400"),
        ({"error": {"detail": "no"}}, "no", ""),
        ({"error": {"message": "no"}, "code": "outer"}, "no", "outer"),
        ({"error": "no"}, "no", ""),
        ({"error": ["no", "never"]}, "no; never", ""),
        ({"message": "no", "code": "c"}, "no", "c"),
        ({"detail": "no"}, "no", ""),
        (
            {"detail": [{"loc": ["body", "image", 0], "msg": "too large"}]},
            "body.image.0: too large",
            "",
        ),
        ({"detail": [{"path": "image", "message": "too large"}]}, "image: too large", ""),
        ({"detail": {"message": "no"}}, "no", ""),
        ({"detail": [{"loc": 5, "msg": "no"}]}, "5: no", ""),
        ([{"error": {"message": "no"}}], "no", ""),
        ("no", "no", ""),
        ([], "", ""),
        (None, "", ""),
        (7, "", ""),
        ({}, "", ""),
        ({"error": None}, "", ""),
        ({"error": {}}, "", ""),
    ],
)
def test_the_usual_forms_are_read(body: Any, message: str, code: str) -> None:
    """As most of the field writes failures."""
    said = said_in(body)

    assert said.message == message
    assert said.code == code


def test_a_message_is_cut_and_never_missing() -> None:
    """Nobody reads a megabyte; everybody wants a word."""
    assert len(str(PLAIN(answer(400, {"error": "x" * 10_000})))) == LONGEST_MESSAGE
    assert str(PLAIN(HttpResponse(502, b"<html>"))) == "an HTML or XML page of 6 bytes"
    assert str(PLAIN(HttpResponse(502))) == "an empty body"
    assert "no reason given" in str(PLAIN(answer(400, {})))


def test_a_code_is_a_word_and_not_a_page() -> None:
    """It goes into ledgers and metrics."""
    error = PLAIN(answer(400, {"error": {"message": "no", "code": "x" * 10_000}}))

    assert error.provider_code is not None
    assert len(error.provider_code) <= 200


def test_the_providers_id_is_kept() -> None:
    """For its support, from the first header that has one."""
    table = ErrorTable(request_id_headers=("x-acme-id", "x-request-id"))

    assert PLAIN(answer(500, x_request_id="req_1")).request_id == "req_1"
    assert table(answer(500, x_request_id="req_1", x_acme_id="a_1")).request_id == "a_1"
    assert PLAIN(answer(500)).request_id is None


class Strict(Shape):
    """An error as one provider documents it."""

    reason: str


def test_a_reader_of_its_own_falls_back_on_the_usual_one() -> None:
    """Proxies in front of a provider word their failures as they like."""

    def reads(response: HttpResponse) -> Said:
        return Said(message=response.read(Strict).reason)

    table = ErrorTable(reads=reads)

    assert str(table(answer(400, {"reason": "too short"}))) == "too short"
    assert str(table(answer(502, {"error": "bad gateway"}))) == "bad gateway"
    assert str(table(HttpResponse(502, b"<html>"))) == "an HTML or XML page of 6 bytes"


# --- when to try again --------------------------------------------------------------------------

DATE = "Sat, 21 Nov 2026 09:30:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "-5"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:31:30 GMT", "date": DATE}, 90.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 11:30:10 +0200", "date": DATE}, 10.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:31:30 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 09:31:30 GMT", "date": "today"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 09:31:30 -0000", "date": DATE}, None),
        ({"retry-after": "Sat, 21 Nov 99999999999999999999 09:31:30 GMT", "date": DATE}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
    ],
)
def test_patience_comes_in_several_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, milliseconds, or a date by the provider's own clock; garbage is no patience."""
    assert retry_after(HttpResponse(429, headers=headers)) == seconds


# --- never raises -------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "type", "loc", "path", "msg"]),
            inner,
        )
    ),
)
NESTED = b'{"error":' + b"[" * 900 + b"]" * 900 + b"}"


@example(status=500, body=NESTED, wait="3", date="")
@example(status=500, body=b'{"error":' * 900 + b"1" + b"}" * 900, wait="3", date="")
@example(status=500, body=b'{"error": ' + b"9" * 5000 + b"}", wait="3", date="")
@given(
    status=st.integers(100, 999),
    body=st.binary() | json_values.map(lambda value: json.dumps(value).encode()),
    wait=st.text() | st.sampled_from([DATE, DATE + "9" * 30, "Sat, 21 Nov 2026 09:30 +9999999999"]),
    date=st.text() | st.just(DATE),
)
def test_any_failure_is_explained(status: int, body: bytes, wait: str, date: str) -> None:
    """Whatever stands in it."""
    error = PLAIN(HttpResponse(status, body, {"retry-after": wait, "date": date}))

    assert isinstance(error, ProviderError)
    assert str(error)
    assert error.retry_after is None or error.retry_after >= 0
    assert error.problem().http_status == status


def test_the_id_of_an_exchange_is_found_however_its_header_is_written() -> None:
    """In the table as in the answer; the first name that says something counts."""
    table = ErrorTable(request_id_headers=("X-Acme-Id", "Request-ID"))
    for headers, found in (
        ({"x-acme-id": "a", "request-id": "r"}, "a"),
        ({"X-ACME-ID": "", "Request-Id": "r"}, "r"),
        ({"X-Other": "o"}, None),
    ):
        assert table(HttpResponse(500, b"", headers)).request_id == found
