"""What dependencies are allowed to be: pinned, hashed, licensed, installed as locked, not known bad.

Everything but the last is found out here, offline. Known vulnerabilities are looked up by `pip-audit`
where that is asked for: with `AUDIT_LOOKUP=wanted` (`make audit`) it is said why they could not be, with
`AUDIT_LOOKUP=required` that is a failure.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
ELSEWHERE = re.compile(r"https?://|git\+|--(extra-)?index|--find-links|--trusted-host|^-e |^\./")

ALLOWED = frozenset(
    {
        *("MIT", "MIT-0", "MIT-CMU", "0BSD", "ISC", "Zlib", "CC0-1.0", "PSF-2.0", "CNRI-Python"),
        *("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "Unlicense"),
    }
)
"""Licences, by SPDX, under which what we depend on may be. None takes hold of our users' code."""
OLD_NAMES = {
    "Apache Software License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "BSD": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""How packages say it that are older than SPDX expressions."""
TEXTS = {"Apache License": "Apache-2.0", "MIT License": "MIT"}
"""What a licence's own text begins with, where nothing else is said."""
LOOKUP = ROOT / ".venv-audit" / "bin" / "pip-audit"
SECONDS = 180.0


@dataclass
class Findings:
    """What is wrong, and what could not be found out."""

    wrong: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Locked:
    """One line of the lock file, with its hashes."""

    name: str
    version: str
    hashes: int


def locked(text: str) -> Iterator[Locked]:
    """Everything that is pinned. `ValueError` for what is no pin."""
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        found = PIN.match(line)
        if found is None:
            raise ValueError(f"`{line[:60]}` pins nothing")
        yield Locked(found["name"], found["version"], len(HASH.findall(line)))


def of_lock(text: str) -> list[str]:
    """What is wrong with the lock file itself."""
    wrong = [
        f"`{line.strip()[:60]}` leads elsewhere than to the registry that a machine is set up for"
        for line in text.splitlines()
        if ELSEWHERE.search(line)
    ]
    try:
        pins = list(locked(text))
    except ValueError as error:
        return [*wrong, str(error)]
    wrong += [f"`{one.name}=={one.version}` has no hash" for one in pins if not one.hashes]
    return wrong if pins else [*wrong, "the lock file is empty"]


def licences(package: Distribution) -> tuple[str, ...]:
    """Under which licences a package may be had: each of them, or one of several."""
    classes = package.metadata.get_all("Classifier") or []
    older = [one.rpartition(" :: ")[2] for one in classes if one.startswith("License :: ")]
    said = told(package, "License-Expression")
    if not said and not older:
        said = told(package, "License").partition("\n")[0]
        if said in OLD_NAMES:
            older, said = [said], ""
    if older and not said:
        return tuple(OLD_NAMES.get(one, one) for one in older)
    expression = tuple(re.findall(r"[A-Za-z0-9.+-]+", re.sub(r"\b(AND|OR|WITH)\b", " ", said)))
    return (
        expression if expression and set(expression) <= ALLOWED else by_text(package) or expression
    )


def told(package: Distribution, name: str) -> str:
    """A field of a package's metadata, if it has it."""
    return str(package.metadata[name]).strip() if name in package.metadata else ""


def by_text(package: Distribution) -> tuple[str, ...]:
    """The licence whose text comes along."""
    for file in package.files or ():
        if "licen" in file.name.lower():
            head = file.read_text()[:400]
            return tuple(name for words, name in TEXTS.items() if words in head)
    return ()


def of_packages(pins: Iterable[Locked]) -> list[str]:
    """What is wrong with what is installed; what is for other systems is not."""
    wrong: list[str] = []
    versions: dict[str, set[str]] = {}
    for one in pins:
        versions.setdefault(one.name, set()).add(one.version)
    for name, expected in versions.items():
        try:
            package = importlib.metadata.distribution(name)
        except PackageNotFoundError:
            continue
        if package.version not in expected:
            wrong.append(f"`{name}` is {package.version} here and {sorted(expected)} in the lock")
        found = licences(package)
        if not found or not set(found) <= ALLOWED:
            wrong.append(f"`{name}` is under {list(found) or 'no licence that is told'}")
    return wrong


def known_bad(lookup: Path) -> Findings:
    """Known vulnerabilities of what is locked."""
    found = Findings()
    if not lookup.exists():
        found.open.append("pip-audit is not installed, and could not be")
        return found
    command = [str(lookup), "--requirement", str(LOCK), "--require-hashes", "--disable-pip"]
    command += ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    try:
        ran = subprocess.run(  # noqa: S603  our own words
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        found.open.append("the database of vulnerabilities did not answer")
        return found
    return judged(ran.stdout, ran.stderr)


def judged(said: str, besides: str) -> Findings:
    """What pip-audit has found. What it has passed over it has not looked up, whatever it says."""
    found = Findings()
    try:
        told = json.loads(said)
    except ValueError:
        why = (besides.strip().splitlines() or ["it said nothing"])[-1]
        found.open.append(f"the database of vulnerabilities was not reached: {why[:160]}")
        return found
    skipped = [one["name"] for one in told["dependencies"] if "skip_reason" in one]
    if skipped:
        found.open.append(f"the database knows nothing of {len(skipped)}, such as `{skipped[0]}`")
    for package in told["dependencies"]:
        for one in package.get("vulns", ()):
            mended = ", ".join(one["fix_versions"]) or "no version yet"
            where = f"`{package['name']}` {package['version']}"
            found.wrong.append(f"{where} has {one['id']}, mended in {mended}")
    return found


def main() -> int:
    """Say what is wrong; 1 if anything is."""
    text = LOCK.read_text()
    wrong = of_lock(text)
    pins = list(locked(text)) if not wrong else []
    wrong += of_packages(pins)
    asked = os.environ.get("AUDIT_LOOKUP", "")
    found = known_bad(LOOKUP) if asked else Findings(open=["`make audit` does that"])
    wrong += found.wrong
    for one in wrong:
        print(f"audit: {one}", file=sys.stderr)
    for one in found.open:
        print(f"audit: known vulnerabilities were not all looked up: {one}")
    print(f"audit: {len(pins)} locked packages, {len(wrong)} objections")
    return 1 if wrong or (asked == "required" and found.open) else 0


if __name__ == "__main__":
    raise SystemExit(main())
