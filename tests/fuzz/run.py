"""Holds a gateway to its OpenAPI by requests that schemathesis makes up; `make fuzz` runs it.

A gateway of its own with the built-in provider, once with the admin key and once with a plain one.
`FUZZ_EXAMPLES` says how many requests an operation gets in each phase, `FUZZ_SEED` from which seed;
further words go to schemathesis, such as `--include-path /api/jobs`.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE.parents[1] / ".venv-fuzz" / "bin"
BIN = Path(sys.executable).parent
CONFIGURATION = """\
providers: {echo: {}}
gateway: {wait_seconds: 1, max_body_bytes: 1048576, cors_origins: []}
"""
FAULT = "ERROR"
"""How the gateway's log tells a mistake of its own."""


@contextmanager
def gateway(folder: Path, admin: str) -> Iterator[str]:
    """A gateway that serves while the block runs; its address."""
    (folder / "anymedia.yaml").write_text(CONFIGURATION)
    environment = {**os.environ, "ANYMEDIA_ADMIN_KEY": admin, "ANYMEDIA_DATA_DIR": str(folder)}
    command = [str(BIN / "anymedia"), "serve", "--port", "0"]
    command += ["--config", str(folder / "anymedia.yaml")]
    with (folder / "log").open("w") as log:
        serving = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert serving.stdout is not None
            yield serving.stdout.readline().split()[-1]  # `anymedia gateway on URL`
        finally:
            serving.terminate()
            serving.wait(60)


def asked(url: str, key: str, body: dict[str, object] | None = None) -> bytes:
    """What the gateway answers."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:
        found: bytes = answer.read()
    return found


def fuzzed(url: str, key: str, description: Path, reports: Path) -> int:
    """One run of schemathesis; its exit code."""
    command = [str(TOOLS / "st"), "--config-file", str(HERE / "schemathesis.toml"), "run"]
    command += [str(description), "--url", url, "--header", f"Authorization: Bearer {key}"]
    command += ["--max-examples", os.environ.get("FUZZ_EXAMPLES", "20")]
    command += ["--seed", os.environ.get("FUZZ_SEED", "1"), "--request-timeout", "60"]
    command += ["--continue-on-failure", "--report", "json", "--report-dir", str(reports)]
    command += sys.argv[1:]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    return subprocess.run(command, env=environment, cwd=reports, check=False).returncode


def main() -> int:
    """1 where anything differs from the description."""
    admin, failed = f"adm-{secrets.token_hex(8)}", 0
    with tempfile.TemporaryDirectory(prefix="anymedia-fuzz-") as name:
        folder = Path(name)
        with gateway(folder, admin) as url:
            description = folder / "openapi.json"
            description.write_bytes(asked(f"{url}/openapi.json", admin))
            subprocess.run([TOOLS / "openapi-spec-validator", description], check=True)
            plain = json.loads(asked(f"{url}/api/keys", admin, {"name": "plain"}))["key"]
            for key in (plain, admin):  # the admin key last: it changes providers
                failed |= fuzzed(url, key, description, folder)
        faults = [line for line in (folder / "log").read_text().splitlines() if FAULT in line]
    for line in faults[:20]:
        print(line)
    return 1 if failed or faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
