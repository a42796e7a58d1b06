"""The deployment files agree with the program: metrics, paths, options and variables that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from anymedia.cli.app import COMMANDS
from anymedia.configuration.environment import SECRETS, SETTINGS
from anymedia.gateway.app import Gateway, Opening
from anymedia.gateway.metrics import Metrics
from anymedia.gateway.ours import health

DEPLOY = Path(__file__).parents[2] / "deploy"
METRIC = re.compile(r"\banymedia_[a-z_]+")


def told_metrics() -> set[str]:
    """Every name that `/metrics` can hold, those of empty families too."""
    text = Metrics().text((), {}).decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    families = set(names)
    for name in names:
        families |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return families


def expressions() -> list[str]:
    """Every query in the dashboard and in the alerts."""
    board = json.loads((DEPLOY / "grafana" / "anymedia.json").read_text())
    alerts = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
    return [
        *(target["expr"] for panel in board["panels"] for target in panel["targets"]),
        *(rule["expr"] for group in alerts["groups"] for rule in group["rules"]),
    ]


@pytest.mark.parametrize("expression", expressions())
def test_a_query_asks_for_metrics_that_exist(expression: str) -> None:
    """A dashboard over a renamed metric is empty and nobody notices."""
    assert set(METRIC.findall(expression)) <= told_metrics()
    assert METRIC.findall(expression) or expression.startswith("up{")


def test_the_check_of_queries_would_notice() -> None:
    """A name that nobody tells is not among those that exist."""
    assert "anymedia_http_requests_total" in told_metrics()
    assert "anymedia_requests_total" not in told_metrics()


def documents(name: str) -> list[Any]:
    """The YAML documents of a file."""
    return [one for one in yaml.safe_load_all((DEPLOY / name).read_text()) if one]


def test_probes_ask_for_paths_that_are_served(tmp_path: Path) -> None:
    """And the container's check does too."""
    gateway = Gateway(Opening(data_dir=str(tmp_path)))
    paths = {getattr(route, "path", "") for route in health.router(gateway).routes}
    served = {"/livez", "/readyz", "/metrics"}
    assert served <= paths
    text = "".join(
        (DEPLOY / name).read_text() for name in ("kubernetes/anymedia.yaml", "Dockerfile")
    )
    asked = set(re.findall(r"(?:path: |8400)(/[a-z]+)\b", text)) - {"/etc"}
    assert asked == served


@pytest.mark.parametrize("name", ["kubernetes/anymedia.yaml", "compose.yaml"])
def test_the_manifests_can_be_read(name: str) -> None:
    """Each document is a mapping."""
    assert all(isinstance(one, dict) for one in documents(name))


def test_what_is_started_is_a_command_with_options_that_it_has() -> None:
    """`serve`, everywhere."""
    assert "serve" in COMMANDS
    lines = [
        line
        for name in (
            "Dockerfile",
            "compose.yaml",
            "kubernetes/anymedia.yaml",
            "systemd/anymedia.service",
        )
        for line in (DEPLOY / name).read_text().splitlines()
        if "serve" in line and "--host" in line
    ]
    assert len(lines) == 4
    options = {option for line in lines for option in re.findall(r"--[a-z-]+", line)}
    assert options <= {"--host", "--port", "--workers"}


def test_environment_files_set_variables_that_are_read() -> None:
    """Ours by name; vendors' keys as their providers call them."""
    known = {*SETTINGS, *SECRETS, "POSTGRES_PASSWORD"}
    for file in (DEPLOY / "environments").glob("*.env"):
        for line in file.read_text().splitlines():
            if not line.startswith("#") and "=" in line:
                assert line.partition("=")[0] in known, f"{file.name}: {line}"
