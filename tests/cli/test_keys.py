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


def where(cli: Cli) -> tuple[str, str]:
    """The data directory of this test."""
    return ("--data-dir", str(cli.data))
