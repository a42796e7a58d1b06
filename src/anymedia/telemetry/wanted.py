"""Whether traces are wanted, by OpenTelemetry's own variables; nothing of it is loaded to know."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anymedia.telemetry.tracing import Tracing

LOG = logging.getLogger("anymedia")
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"
NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def wanted(environment: Mapping[str, str]) -> bool:
    """Whether traces should be sent anywhere."""
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get(EXPORTER, "").strip().lower()
    if exporter:
        return exporter == "otlp"
    return any(environment.get(name) for name in ENDPOINTS)


def tracing(environment: Mapping[str, str]) -> Tracing | None:
    """Traces to where OpenTelemetry's variables say, or none; says why not, if they do say."""
    if not wanted(environment):
        return None
    protocol = next((environment[name] for name in PROTOCOLS if environment.get(name)), SPOKEN)
    if protocol != SPOKEN:
        LOG.warning("traces are not sent: they are spoken as `%s` only", SPOKEN)
        return None
    if any(not installed(name) for name in NEEDED):
        LOG.warning("traces are not sent: install `anymedia[otel]`, or unset `OTEL_*`")
        return None
    from anymedia.telemetry.tracing import over_otlp

    return over_otlp(environment)


def installed(name: str) -> bool:
    """Whether a module can be had."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
