"""Names are handed out once, here and in children of this process."""

from __future__ import annotations

import os
import time

from anymedia.engine.identity import AT_ONCE, Names, new_id, new_secret


def test_no_name_comes_twice() -> None:
    """Through several stores."""
    names = Names()
    made = [name for _ in range(3 * AT_ONCE) for name in names.two("att", "req")]
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {4 + 32}
    assert made[0].startswith("att_")
    assert made[1].startswith("req_")


def test_names_alone_and_in_pairs_come_out_of_one_store() -> None:
    """One, however short it is, is nobody else's."""
    names = Names()
    made: list[str] = []
    for _ in range(2 * AT_ONCE):
        made += (names.one("req", 24), *names.two("att", "att"))
    beginnings = {name[4:28] for name in made}
    assert len(beginnings) == len(made)
    assert len(made[0]) == len("req_") + 24


def test_later_names_of_rows_come_later_in_order() -> None:
    """Whoever makes them; a secret tells nobody when it was made."""
    names, made = Names(), []
    for _ in range(20):
        before = time.time_ns() // 1_000_000
        made += [new_id("att"), names.two("att", "req")[0]]
        while time.time_ns() // 1_000_000 == before:
            pass
    assert [one[:16] for one in made] == sorted(one[:16] for one in made)
    assert len({one[:16] for one in made}) >= 20
    assert len({one[16:] for one in made}) == len(made)
    assert {len(one) for one in made} == {4 + 32}
    secret = {new_secret("cb")[3:15] for _ in range(20)}
    assert len(secret) == 20


def test_a_child_has_names_of_its_own() -> None:
    """What the parent has in store is the parent's."""
    names = Names()
    names.two("att", "req")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  another process
        os.write(writing, "".join(names.two("att", "req")).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 200).decode()
    os.close(reading)
    os.close(writing)
    assert theirs != "".join(names.two("att", "req"))
