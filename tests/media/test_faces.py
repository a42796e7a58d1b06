"""Normalised results and previews as users meet them: on the command line and over HTTP."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.cli.running import Cli
from tests.gateway.serving import serving, settings


def test_the_command_takes_it_as_one_option(tmp_path: Path) -> None:
    """And saves what was made."""
    cli = Cli(tmp_path)
    ran = cli("generate", "image", "a fox", "--normalize", "webp,60x40,cover,q70", "-o", "fox.webp")
    assert ran.code == 0, ran.err
    with Image.open(io.BytesIO(cli.file("fox.webp"))) as image:
        assert (image.format, image.size) == ("WEBP", (60, 40))


def test_a_word_that_means_nothing_is_a_mistake_of_the_command(tmp_path: Path) -> None:
    """Told with what would be understood, before anything is made."""
    ran = Cli(tmp_path)("generate", "image", "a fox", "--normalize", "webp,nice")
    assert ran.code == 2
    assert "`nice` is not understood" in ran.err
    assert "1280x720" in ran.err


def test_the_gateway_hands_out_result_original_and_preview(tmp_path: Path) -> None:
    """Each under its own address, the preview made when it is asked for."""
    with serving(tmp_path, settings()) as running, running.caller() as caller:
        body = {"prompt": "a fox", "normalize": "jpeg,900x600"}
        answer = caller.post("/api/ai/image", json=body, headers={"Prefer": "wait=50"})
        (artifact,) = answer.json()["artifacts"]
        assert (artifact["width"], artifact["media_type"]) == (900, "image/jpeg")
        original = caller.get(f"/api/artifacts/{artifact['original_id']}")
        assert original.headers["content-type"] == "image/png"
        preview = caller.get(f"{artifact['url']}/preview")
        assert preview.headers["content-type"] == "image/webp"
        with Image.open(io.BytesIO(preview.content)) as image:
            assert image.size == (512, 341)
        again = {"If-None-Match": preview.headers["etag"]}
        assert caller.get(f"{artifact['url']}/preview", headers=again).status_code == 304
        assert caller.get("/api/artifacts/art_nothing/preview").status_code == 404
