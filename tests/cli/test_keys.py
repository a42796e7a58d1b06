"""`anymedia keys`, as an operator uses it."""

from __future__ import annotations

from tests.cli.running import Cli


def test_a_key_is_made_listed_rotated_and_revoked(cli: Cli) -> None:
    """The secret is on stdout alone, and only when it is made."""
    made = cli("keys", "create", "the studio", "--media", "image", "--expires", "30d", *where(cli))
    assert made.code == 0
    secret = made.out.strip()
    assert secret.startswith("am_")
    listed = cli("keys", "list", *where(cli))
    assert "the studio" in listed.out
    assert secret not in listed.out
    (key,) = cli("keys", "list", "--json", *where(cli)).json
    assert (key["media"], key["revoked_at"]) == (["image"], None)
    rotated = cli("keys", "rotate", key["id"], "--overlap", "1h", "--json", *where(cli)).json
    assert rotated["key"] != secret
    assert [one["expires_at"] is None for one in rotated["secrets"]] == [False, True]
    assert cli("keys", "revoke", key["id"], *where(cli)).code == 0
    assert "revoked" in cli("keys", "list", *where(cli)).out


def test_what_cannot_be_is_said(cli: Cli) -> None:
    """Exit code 2, one line, the next step."""
    assert cli("keys", "create", "x", "--expires", "soon", *where(cli)).code == 2
    unknown = cli("keys", "revoke", "key_none", *where(cli))
    assert unknown.code == 2
    assert "anymedia keys list" in unknown.err
    assert cli("serve", "--workers", "0", *where(cli)).code == 2
    assert cli("serve", "--port", "99999", *where(cli)).code == 2


def test_limits_and_budgets_are_set_and_changed(cli: Cli) -> None:
    """What is not said stays; `none` takes away; all of it is written down."""
    said = ["--limit", "per_minute=60", "--limit", "concurrent=4", "--budget", "5/day"]
    made = cli("keys", "create", "a team", *said, "--json", *where(cli)).json
    assert (made["limits"]["per_minute"], made["limits"]["concurrent"]) == (60, 4)
    assert [(one["limit_usd"], one["period"]) for one in made["budgets"]] == [("5", "day")]
    assert "per_minute=60, concurrent=4, $5/day" in cli("keys", "list", *where(cli)).out
    change = ["keys", "change", made["id"]]
    some = ["--limit", "per_minute=none", "--budget", "100/month/warn", "--expires", "30d"]
    changed = cli(*change, *some, "--json", *where(cli)).json
    assert (changed["limits"]["per_minute"], changed["limits"]["concurrent"]) == (None, 4)
    assert [one["on_reached"] for one in changed["budgets"]] == ["warn"]
    assert changed["expires_at"]
    last = ["--budget", "none", "--expires", "never", "--model", "echo/*", "--name", "b"]
    assert cli(*change, *last, *where(cli)).code == 0
    (key,) = cli("keys", "list", "--json", *where(cli)).json
    assert (key["budgets"], key["expires_at"], key["models"]) == ([], None, ["echo/*"])
    entries = cli("keys", "audit", "--json", *where(cli)).json
    assert [one["action"] for one in entries] == ["key-changed", "key-changed", "key-created"]
    assert "command line" in cli("keys", "audit", "--limit", "1", *where(cli)).out


def test_limits_and_budgets_that_cannot_be_are_said(cli: Cli) -> None:
    """Exit code 2, one line, what was expected."""
    for said, word in (
        (("--limit", "per_minute"), "per_minute=60"),
        (("--limit", "per_minute=many"), "limits.per_minute"),
        (("--limit", "per_fortnight=1"), "limits.per_fortnight"),
        (("--budget", "5"), "5/day"),
        (("--budget", "5/week"), "budgets.0.period"),
        (("--budget", "five/day"), "budgets.0.limit_usd"),
    ):
        refused = cli("keys", "create", "x", *said, *where(cli))
        assert refused.code == 2, said
        assert word in refused.err, said
    assert "--help" in cli("keys", "change", "key_none", *where(cli)).err
    assert cli("keys", "change", "key_none", "--name", "x", *where(cli)).code == 2
    assert cli("keys", "audit", "--limit", "0", *where(cli)).code == 2


def where(cli: Cli) -> tuple[str, str]:
    """The data directory of this test."""
    return ("--data-dir", str(cli.data))
