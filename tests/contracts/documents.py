"""Valid envelopes of every version, for properties."""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from anymedia.contracts.media import Medium
from anymedia.contracts.problem import Code

words = st.text(max_size=12)
without_slash = st.text(
    st.characters(exclude_characters="/", codec="utf-8"), min_size=1, max_size=8
)
whole_text = st.text(min_size=1, max_size=8)
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON."""
json_objects = st.dictionaries(words, json_values, max_size=3)

timestamps = st.sampled_from(
    ["2026-11-21T09:30:00Z", "2026-02-28T23:59:59.25+05:30", "2024-02-29 00:00:00-11:00"]
)
models = whole_text | st.builds("{}/{}".format, words, words)
routes = (
    without_slash
    | st.builds("{}/{}".format, without_slash, words)
    | st.builds("/{}/{}".format, words, words)
)
"""Provider and model in one string, in all of its spellings."""
retry_configs = st.fixed_dictionaries(
    {},
    optional={
        "max_attempts": st.integers(1, 20),
        "base_delay_ms": st.integers(0, 60_000),
        "backoff_factor": st.floats(1, 10),
        "max_delay": st.floats(0, 600),
    },
)
messages = words | st.builds(
    "{}{}: {}".format,
    st.sampled_from(["", "UNKNOWN_ERROR: "]),
    st.sampled_from(get_args(Code)),
    words,
)
"""What went wrong, also in words that look like a code."""
costs = st.none() | st.sampled_from(["0.04", "12", 3, 0.25, "0"])

REQUEST: dict[str, st.SearchStrategy[Any]] = {
    "request_id": st.none() | whole_text,
    "prompt": st.none() | words,
    "parameters": json_objects,
    "timestamp": st.none() | timestamps,
    "timeout": st.none() | st.floats(0.001, 1e6) | st.integers(1, 10**6),
    "callback_url": st.none() | st.just("https://example.com/done?id=1"),
}
RESPONSE: dict[str, st.SearchStrategy[Any]] = {
    "request_id": st.none() | whole_text,
    "timestamp": st.none() | timestamps,
    "processing_time_ms": st.none() | st.integers(0, 10**9),
    "tokens_used": st.none() | st.integers(0, 10**9),
    "cost": costs,
}
ADDED_IN_1_1: dict[str, st.SearchStrategy[Any]] = {
    "metadata": json_objects,
    "retry_config": st.none() | retry_configs,
}
errors_as_objects = st.fixed_dictionaries(
    {"code": st.sampled_from(get_args(Code)), "message": messages, "retryable": st.booleans()},
    optional={
        "provider": st.none() | without_slash,
        "details": json_objects,
        "timestamp": st.none() | timestamps,
        "retry_after": st.none() | st.floats(0, 1e6),
    },
)


def requests(version: str) -> st.SearchStrategy[dict[str, Any]]:
    """Every valid request of a version, with as many of its fields as it likes."""
    optional = dict(REQUEST)
    if version == "2.0":
        optional |= {"provider": st.none() | without_slash, "model": st.none() | models}
    else:
        optional |= {"model": st.none() | routes}
    if version != "1.0":
        optional |= ADDED_IN_1_1
    return st.fixed_dictionaries(
        {"schema_version": st.just(version), "media_type": st.sampled_from(get_args(Medium))},
        optional=optional,
    )


def responses(version: str) -> st.SearchStrategy[dict[str, Any]]:
    """Every valid response of a version: successes, failures and jobs on their way."""
    optional = dict(RESPONSE)
    if version == "2.0":
        optional |= {"provider": st.none() | without_slash, "model": st.none() | models}
    else:
        optional |= {"model": st.none() | routes}
    if version != "1.0":
        optional |= {"metadata": json_objects}
    error = errors_as_objects if version == "2.0" else messages

    def answering(status: str, **said: st.SearchStrategy[Any]) -> Any:
        given = {"schema_version": st.just(version), "status": st.just(status), **said}
        absent = {name: st.none() for name in ("result", "error") if name not in said}
        return st.fixed_dictionaries(given, optional=optional | absent)

    return st.one_of(
        answering("success", result=json_objects),
        answering("processing", result=st.none() | json_objects),
        answering("failed", error=error, result=st.none() | json_objects),
    )


def documents(version: str, kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """Either."""
    return requests(version) if kind == "request" else responses(version)
