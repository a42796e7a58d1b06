"""Other people's gateways, each installed in an environment of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from anymedia.bench.gateway import PATH, question
from anymedia.bench.plan import Ask
from anymedia.bench.processes import line, running
from anymedia.bench.upstream import MODEL
from benchmarks.gateway.candidates import (
    KINDS,
    Peer,
    Place,
    Started,
    distribution,
    opened,
    quiet,
    told,
)
from benchmarks.gateway.tools import free_port

LITELLM_CONFIG = """\
model_list:
{models}
litellm_settings: {{telemetry: false, num_retries: 0}}
general_settings: {{master_key: sk-measuring}}
"""
LITELLM_MODEL = """\
  - model_name: {kind}
    litellm_params: {{model: openai/{model}, api_key: unused, api_base: "{url}"}}
"""


@contextmanager
def start_litellm(home: Path, place: Place) -> Iterator[Started]:
    """Its proxy with a master key, one process, without a database."""
    models = "".join(
        LITELLM_MODEL.format(
            kind=kind, model=MODEL, url=f"http://127.0.0.1:{place.provider}/{kind}/v1"
        )
        for kind in KINDS
    )
    config = place.folder / "config.yaml"
    config.write_text(LITELLM_CONFIG.format(models=models))
    port = free_port()
    words = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    environment = quiet(
        place.folder,
        home / "bin",
        LITELLM_LOG="ERROR",
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # else it would be fetched
        LITELLM_TELEMETRY="False",
    )
    headers = {"authorization": "Bearer sk-measuring"}
    with opened([str(home / "bin" / "litellm"), *words], place, port, environment) as started:
        pid, seconds = started
        yield Started(pid=pid, ready_seconds=seconds, asks=told(port, "{kind}", headers))


@contextmanager
def start_portkey(home: Path, place: Place) -> Iterator[Started]:
    """Its open gateway on node; where to go is said in headers."""
    port = free_port()
    script = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    environment = quiet(
        place.folder, None, NODE_ENV="production", TRUSTED_CUSTOM_HOSTS="127.0.0.1,localhost"
    )
    words = ["node", str(script), f"--port={port}", "--headless"]
    with opened(words, place, port, environment) as started:
        pid, seconds = started
        asks = {
            kind: Ask(
                port=port,
                path=PATH,
                body=question(MODEL, stream=kind != "chat"),
                headers={
                    "authorization": "Bearer unused",
                    "x-portkey-provider": "openai",
                    "x-portkey-custom-host": f"http://127.0.0.1:{place.provider}/{kind}/v1",
                },
            )
            for kind in KINDS
        }
        yield Started(pid=pid, ready_seconds=seconds, asks=asks)


def portkey_version(home: Path) -> str:
    """As its package says."""
    file = home / "node_modules/@portkey-ai/gateway/package.json"
    return str(json.loads(file.read_text())["version"])


TENSORZERO_CONFIG = """\
[gateway]
observability.enabled = false
"""
TENSORZERO_MODEL = """\
[models.{kind}]
routing = ["far"]
[models.{kind}.providers.far]
type = "openai"
model_name = "{model}"
api_base = "{url}"
api_key_location = "none"
"""


@contextmanager
def start_tensorzero(home: Path, place: Place) -> Iterator[Started]:
    """Embedded in a Python process that asks it as an application would, without a database.

    There is no HTTP before it: what others spend on being a server it does not.
    """
    config = place.folder / "tensorzero.toml"
    models = (
        TENSORZERO_MODEL.format(
            kind=kind, model=MODEL, url=f"http://127.0.0.1:{place.provider}/{kind}/v1/"
        )
        for kind in KINDS
    )
    config.write_text(TENSORZERO_CONFIG + "".join(models))
    driver = Path(__file__).with_name("tensorzero_driver.py")
    log, began = place.folder / "log", perf_counter()
    with running(
        [str(home / "bin" / "python"), str(driver), str(config)],
        on=place.on,
        environment=quiet(place.folder, None, RUST_LOG="error"),
        directory=place.folder,
        log=log,
    ) as process:
        while line(process, log) != "ready":  # it logs on stdout
            pass
        yield Started(
            pid=process.pid, ready_seconds=perf_counter() - began, asks={}, process=process
        )


LITELLM = Peer(
    name="litellm",
    title="LiteLLM proxy",
    variable="BENCH_LITELLM",
    install="a virtual environment with `litellm[proxy]`",
    needs="bin/litellm",
    version=distribution("litellm"),
    start=start_litellm,
)
PORTKEY = Peer(
    name="portkey",
    title="Portkey",
    variable="BENCH_PORTKEY",
    install="a folder after `npm install @portkey-ai/gateway`",
    needs="node_modules/@portkey-ai/gateway/build/start-server.js",
    version=portkey_version,
    start=start_portkey,
)
TENSORZERO = Peer(
    name="tensorzero",
    title="TensorZero, embedded",
    variable="BENCH_TENSORZERO",
    install="a virtual environment with `tensorzero`",
    needs="bin/python",
    version=distribution("tensorzero"),
    start=start_tensorzero,
    embedded=True,
)
PEERS = {peer.name: peer for peer in (LITELLM, PORTKEY, TENSORZERO)}
