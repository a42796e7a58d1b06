"""Traces are wanted by OpenTelemetry's own variables, and cost nothing where they are not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from anymedia.telemetry.wanted import tracing, wanted

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("environment", "is_wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_SERVICE_NAME": "gateway"}, False),
    ],
)
def test_whether_traces_are_wanted(environment: dict[str, str], *, is_wanted: bool) -> None:
    """An address or an exporter asks for them."""
    assert wanted(environment) is is_wanted


def test_what_is_not_spoken_is_said_and_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    """A protocol that there is not here is no reason not to serve."""
    assert tracing({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}) is None
    assert "http/protobuf" in caplog.text


def test_nothing_of_it_is_loaded_where_it_is_not_wanted() -> None:
    """A gateway without traces has never heard of them."""
    code = (
        "import sys, anymedia.gateway.serving, anymedia.gateway.app, anymedia.engine.engine\n"
        "from anymedia.telemetry.wanted import tracing\n"
        "tracing({})\n"
        "print([one for one in sys.modules if one.startswith('opentelemetry')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
