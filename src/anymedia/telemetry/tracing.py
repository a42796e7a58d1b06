"""Traces by OpenTelemetry: a span for every request, and below it one for every attempt.

Names are those of the semantic conventions for HTTP and for generative AI (1.41, still in
development there). Ids, counts and prices only: no prompt, no medium, no key.
Loaded where traces are wanted and nowhere else (`wanted.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry import context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as OtelSpan, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from anymedia.contracts.version import __version__

SERVICE = "OTEL_SERVICE_NAME"
NANOSECONDS = 1_000_000_000
PROPAGATED = (b"traceparent", b"tracestate")
OPERATIONS = {"text": "chat", "embedding": "embeddings"}
"""What the conventions call the work on a medium; `generate_content` for the others."""
OUTPUTS = {"text": "text", "image": "image", "speech": "speech"}
NAMES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cost_usd": "anymedia.cost.usd",
    "cost_basis": "anymedia.cost.basis",
    "request_id": "anymedia.request.id",
    "key": "anymedia.key.prefix",
    "attempt": "anymedia.attempt.number",
    "attempts": "anymedia.attempts",
    "job_id": "anymedia.job.id",
    "state": "anymedia.attempt.state",
    "medium": "anymedia.medium",
}
"""Attributes by the names of our fields; fields that are not here are told by the span itself."""
WHO = {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model"}


class TracedSpan:
    """One span. Satisfies `observer.Span`."""

    __slots__ = ("_names", "_span", "_token")

    def __init__(self, span: OtelSpan, names: Mapping[str, str], *, token: Any = None) -> None:
        self._span = span
        self._names = names
        self._token = token

    def headers(self) -> Mapping[str, str]:
        """`traceparent`, and `tracestate` if there is one."""
        carrier: dict[str, str] = {}
        here = set_span_in_context(self._span, context.Context())
        TraceContextTextMapPropagator().inject(carrier, here)
        return carrier

    def end(self, facts: Mapping[str, Any], failed: str | None) -> None:
        """With everything that is known by now."""
        span = self._span
        if span.is_recording():
            for name, attribute in self._names.items():
                value = facts.get(name)
                if value is not None:
                    known = isinstance(value, bool | int | float | str)
                    span.set_attribute(attribute, value if known else float(value))
            if failed is not None:
                span.set_status(Status(StatusCode.ERROR))
                span.set_attribute("error.type", failed)
            if "route" in facts:
                span.update_name(f"{facts['method']} {facts['route']}")
        span.end()
        if self._token is not None:
            context.detach(self._token)


class Tracing:
    """The tracer of this process. Satisfies `observer.Spans`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("anymedia", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Mapping[bytes, bytes]) -> TracedSpan:
        """A request; goes on with the caller's trace, if it says one."""
        carrier = {
            name.decode(): headers[name].decode("latin-1") for name in PROPAGATED if name in headers
        }
        before = self._propagator.extract(carrier, context.Context())
        span = self._tracer.start_span(method, context=before, kind=SpanKind.SERVER)
        token = context.attach(set_span_in_context(span, before))
        return TracedSpan(span, NAMES | WHO, token=token)

    def attempt(
        self, medium: str, provider: str, model: str, *, began: float | None = None
    ) -> TracedSpan:
        """An attempt, below the request of this task; one of a job is the beginning of a trace."""
        operation = OPERATIONS.get(medium, "generate_content")
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider,
            "gen_ai.system": provider,
            "gen_ai.request.model": model,
        }
        if medium in OUTPUTS:
            attributes["gen_ai.output.type"] = OUTPUTS[medium]
        span = self._tracer.start_span(
            f"{operation} {model}",
            kind=SpanKind.CLIENT,
            context=None if began is None else context.Context(),
            start_time=None if began is None else round(began * NANOSECONDS),
            attributes=attributes,
        )
        return TracedSpan(span, NAMES)

    def close(self) -> None:
        """Send what is still here."""
        self._provider.shutdown()


def over_otlp(environment: Mapping[str, str]) -> Tracing:
    """Traces sent by OTLP over HTTP; where to and how are OpenTelemetry's own variables."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    # What is given here would win over the variable.
    named = {} if environment.get(SERVICE) else {"service.name": "anymedia"}
    provider = TracerProvider(resource=Resource.create({**named, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
