"""Health, metrics, providers at run time, the description of it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.serving import Running, serving, settings


def test_health_has_exactly_the_promised_shape(anyone: httpx.Client) -> None:
    """Its readers are programs that others wrote."""
    assert anyone.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
    for path in ("/health", "/api/health"):
        said = anyone.get(path).json()
        assert set(said) == {"status", "providers", "metrics"}
        assert said["status"] in {"healthy", "degraded"}
        echo = said["providers"]["echo"]
        assert set(echo) == {"healthy", "circuit_state", "health_score"}
        assert echo["circuit_state"] == "closed"
        assert 0 <= echo["health_score"] <= 1
        metrics = said["metrics"]
        assert set(metrics) == {"total_requests", "success_rate", "avg_response_time"}
        assert metrics["total_requests"] >= 1
        assert 0 <= metrics["success_rate"] <= 1
        assert metrics["avg_response_time"] > 0


def test_more_is_told_to_those_who_look_closer(anyone: httpx.Client) -> None:
    """In detail, by provider, by counter."""
    detailed = anyone.get("/health/detailed").json()
    assert detailed["database"] is True
    assert detailed["jobs"]["kept"] is not None
    assert detailed["uptime_seconds"] >= 0
    assert anyone.get("/health/providers").json()["providers"]["echo"]["parts"]
    samples = anyone.get("/health/metrics").json()["samples"]
    assert samples["anymedia_http_requests_total"]
    assert anyone.get("/livez").json() == {"status": "alive"}
    assert anyone.get("/readyz").json() == {"status": "ready"}


def test_prometheus_can_read_what_was_counted(anyone: httpx.Client) -> None:
    """By route and not by path: an id is not a label."""
    anyone.get("/api/jobs/some-id-or-other")
    anyone.post("/api/ai/text", json={"prompt": "hi"})
    families = {
        one.name: one for one in text_string_to_metric_families(anyone.get("/metrics").text)
    }
    routes = {sample.labels["route"] for sample in families["anymedia_http_requests"].samples}
    assert "/api/jobs/{job_id}" in routes
    assert not any("some-id" in route for route in routes)
    made = families["anymedia_generations"].samples
    assert {"echo"} <= {one.labels["provider"] for one in made}
    assert families["anymedia_tokens"].samples
    circuits = families["anymedia_provider_circuit"].samples
    assert {one.labels["state"]: one.value for one in circuits if one.labels["provider"] == "echo"}[
        "closed"
    ] == 1


def test_a_provider_comes_and_goes_while_the_gateway_runs(tmp_path: Path) -> None:
    """Added, changed, gone; its key is masked, encrypted, and there again after a restart."""
    secret = "sk-a-secret-of-somebody-1234"
    added = {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": secret}
    with serving(tmp_path, settings()) as running, running.caller() as caller:
        put = caller.put("/api/providers/mine", json=added)
        assert put.status_code == 200
        assert put.json()["api_key"] == "****1234"
        assert "mine" in configured(caller)
        asked = {"prompt": "hi", "model": "mine/some-model", "retry_config": {"max_attempts": 1}}
        assert caller.post("/api/ai/text", json=asked).status_code in {502, 503}
        patched = caller.patch("/api/providers/mine", json={"priority": 7})
        assert (patched.json()["priority"], patched.json()["api_key"]) == (7, "****1234")
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("anymedia.db*"))
    assert secret.encode() not in kept
    with serving(tmp_path, settings()) as running, running.caller() as caller:
        assert "mine" in configured(caller)
        assert caller.delete("/api/providers/mine").status_code == 204
        assert "mine" not in configured(caller)
    with serving(tmp_path, settings()) as running, running.caller() as caller:
        assert "mine" not in configured(caller)
        done = [one["action"] for one in caller.get("/api/audit").json()["entries"]]
        assert done == ["provider-removed", "provider-patched", "provider-put"]


def configured(caller: httpx.Client) -> set[str]:
    """Names of providers that can be asked."""
    found = caller.get("/api/providers", params={"configured": True}).json()["providers"]
    return {one["name"] for one in found}


@pytest.mark.parametrize(
    "wrong",
    [
        {"dialect": "klingon", "base_url": "http://127.0.0.1:9"},
        {"base_url": "ftp://somewhere"},
        {"name": "another", "dialect": "openai"},
        {"priority": "first"},
    ],
)
def test_a_provider_that_cannot_work_changes_nothing(
    anyone: httpx.Client, wrong: dict[str, Any]
) -> None:
    """It is refused before it is kept."""
    before = configured(anyone)
    answer = anyone.put("/api/providers/wrong", json=wrong)
    assert answer.status_code == 400, answer.text
    assert configured(anyone) == before


def test_only_administrators_change_providers(keyed_gateway: Running) -> None:
    """Nor do others see where they are."""
    with keyed_gateway.caller(keyed_gateway.key()[1]) as caller:
        assert caller.put("/api/providers/mine", json={"dialect": "openai"}).status_code == 403
        assert caller.patch("/api/providers/echo", json={}).status_code == 403
        assert caller.delete("/api/providers/echo").status_code == 403
        found = caller.get("/api/providers").json()["providers"]
        assert {one["base_url"] for one in found} == {""}


def test_the_description_names_every_path_that_is_served(
    open_gateway: Running, anyone: httpx.Client
) -> None:
    """OpenAPI 3.1, and nothing in it leads nowhere."""
    said = anyone.get("/openapi.json").json()
    assert said["openapi"].startswith("3.1")
    for path in (
        *("/api/generate", "/api/ai/text", "/api/ai/image", "/api/ai/video", "/api/ai/audio"),
        *("/api/ai/speech", "/api/estimate", "/api/jobs", "/api/jobs/{job_id}"),
        *("/api/jobs/{job_id}/retry", "/api/jobs/{job_id}/resolve", "/api/jobs/{job_id}/events"),
        *("/api/artifacts/{artifact_id}", "/api/providers", "/api/providers/{name}"),
        *(
            "/api/models",
            "/api/costs",
            "/api/usage",
            "/api/budgets",
            "/api/keys",
            "/health",
            "/health/detailed",
        ),
        *("/health/providers", "/health/metrics", "/api/health", "/metrics", "/livez", "/readyz"),
        *("/webhooks/{provider}/{token}", "/v1/chat/completions", "/v1/messages", "/v1/videos"),
    ):
        assert path in said["paths"], path
    schemas = said["components"]["schemas"]
    for reference in references(said):
        kind, _, name = reference.removeprefix("#/components/").partition("/")
        assert name in said["components"][kind], reference
    assert "location" not in schemas["StoredArtifact"]["properties"]
    identifiers = [one["operationId"] for ways in said["paths"].values() for one in ways.values()]
    assert len(identifiers) == len(set(identifiers))
    assert anyone.get("/docs").status_code == 200


def references(value: Any) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    return set()


def test_large_answers_are_compressed_and_media_are_not(anyone: httpx.Client) -> None:
    """What is compressed already would only lose its ranges."""
    assert anyone.get("/api/models").headers["content-encoding"] == "gzip"
    made = anyone.post("/api/ai/image", json={"prompt": "a fox", "seed": 3}).json()
    image = anyone.get(made["artifacts"][0]["url"])
    assert "content-encoding" not in image.headers


def test_a_changed_configuration_is_taken_up_when_it_is_valid(tmp_path: Path) -> None:
    """A mistake in the file leaves the gateway as it was."""
    file = tmp_path / "anymedia.yaml"
    file.write_text("providers: {echo: {}}\ngateway: {max_body_bytes: 2000}\n")
    with serving(tmp_path / "data", None, config=str(file)) as running, running.caller() as caller:
        gateway = running.gateway

        def reload() -> int:
            running.loop.call_soon_threadsafe(gateway.reload)
            caller.get("/livez")
            return gateway.limit_bytes

        assert gateway.limit_bytes == 2000
        file.write_text("providers: {echo: {}}\ngateway: {max_body_bytes: 3000}\n")
        assert reload() == 3000
        file.write_text("providers: {echo: {}}\ngateway: {max_body_bytes: lots}\n")
        assert reload() == 3000


def test_a_call_back_wakes_the_job_it_is_about(anyone: httpx.Client) -> None:
    """The token must be one that we gave out; anything else does not exist."""
    answer = anyone.post("/webhooks/runway/guessed", content=b"{}")
    assert answer.status_code == 404
