"""`anymedia generate` and `estimate`, as users type them."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.running import Cli

Image = pytest.importorskip("PIL.Image", reason="needs anymedia[echo]")
av = pytest.importorskip("av", reason="needs anymedia[echo]")


@pytest.fixture
def photo(cli: Cli) -> str:
    """A picture of the caller's own."""
    (cli.directory / "work").mkdir(exist_ok=True)
    buffer = io.BytesIO()
    Image.new("RGB", (320, 180), (200, 30, 30)).save(buffer, "JPEG")
    (cli.directory / "work" / "photo.jpg").write_bytes(buffer.getvalue())
    return str(cli.directory / "work" / "photo.jpg")


def test_text_goes_to_stdout_and_nothing_else_does(cli: Cli) -> None:
    """So that it can be piped."""
    ran = cli("generate", "text", "Write a haiku about rain")
    assert ran.code == 0
    assert len(ran.out.strip().splitlines()) == 3
    assert "haiku" not in ran.err


def test_text_can_come_from_stdin_and_go_into_a_file(cli: Cli) -> None:
    """`-` reads the prompt."""
    ran = cli("generate", "text", "-", "-o", "haiku.txt", stdin="Write a haiku about rain\n")
    assert ran.code == 0
    assert cli.file("haiku.txt").decode().count("\n") == 3
    assert ran.out == ""


def test_words_come_as_they_are_made(cli: Cli) -> None:
    """`--stream` prints the same words in the end."""
    whole = cli("generate", "text", "Write a haiku about rain", "--seed", "7")
    streamed = cli("generate", "text", "Write a haiku about rain", "--seed", "7", "--stream")
    assert streamed.code == 0
    assert streamed.out == whole.out


def test_json_is_one_document(cli: Cli) -> None:
    """With everything that is known."""
    ran = cli("generate", "text", "Hello", "--json")
    assert ran.json["finish"]["unified"] == "stop"
    assert ran.json["usage"]["output_tokens"] > 0
    assert ran.json["cost"]["basis"] == "free"


def test_a_clip_begins_on_the_callers_picture(cli: Cli, photo: str) -> None:
    """The main job: a prompt and a picture of one's own, and a file that plays."""
    ran = cli(
        *("generate", "video", "a fox in snow", "--image", photo, "--duration", "1"),
        *("--resolution", "360p", "-o", "fox.mp4", "--json"),
    )
    assert ran.code == 0, ran.err
    assert [Path(file).name for file in ran.json["files"]] == ["fox.mp4"]
    (artifact,) = ran.json["artifacts"]
    assert (artifact["width"], artifact["height"], artifact["seconds"]) == (640, 360, 1.0)
    assert artifact["has_audio"] is True
    with av.open(io.BytesIO(cli.file("fox.mp4")), "r") as file:
        assert file.streams.video[0].codec_context.name == "h264"
        first = next(file.decode(video=0)).to_image().convert("RGB").resize((1, 1)).getpixel((0, 0))
    assert first[0] > 100 > max(first[1:])  # the red photo, not a scene of echo's own


@pytest.mark.parametrize(
    ("words", "name", "start"),
    [
        (["image", "a fox", "--resolution", "256x256"], "a-fox.png", b"\x89PNG"),
        (["audio", "rain", "--kind", "effect", "--duration", "1"], "rain.wav", b"RIFF"),
        (["speech", "Good morning.", "--voice", "narrator"], "good-morning.wav", b"RIFF"),
    ],
)
def test_media_are_saved_under_a_readable_name(
    cli: Cli, words: list[str], name: str, start: bytes
) -> None:
    """Where no other was given; what they are and cost is told."""
    ran = cli("generate", *words)
    assert ran.code == 0, ran.err
    assert cli.files() == [name]
    assert cli.file(name).startswith(start)
    assert name in ran.out
    assert "(free)" in ran.out


def test_several_at_once_are_numbered(cli: Cli) -> None:
    """And nothing that is there is overwritten."""
    for _ in range(2):
        ran = cli("generate", "image", "a fox", "--count", "2", "--resolution", "64x64")
        assert ran.code == 0, ran.err
    assert cli.files() == ["a-fox-1-2.png", "a-fox-1.png", "a-fox-2-2.png", "a-fox-2.png"]


def test_media_can_go_into_a_pipe(cli: Cli) -> None:
    """`-o -` writes the bytes to stdout, and the rest to stderr."""
    ran = cli("generate", "image", "a fox", "--resolution", "64x64", "-o", "-")
    assert ran.output.startswith(b"\x89PNG")
    assert "(free)" in ran.err


def test_what_was_changed_is_said(cli: Cli) -> None:
    """A warning for each option that went out as another value."""
    ran = cli("generate", "image", "a fox", "--resolution", "64x64", "--negative-prompt", "dogs")
    assert ran.code == 0
    assert "warning: `negative_prompt` was not sent" in ran.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["image", "a fox", "--model", "nope"], "echo/picture"),
        (["image", "a fox", "--provider", "nope"], "nope"),
        (["image", "a fox", "--image", "missing.png"], "missing.png"),
        (["image", "a fox", "--resolution", "huge"], "1280x720"),
        (["image", "a fox", "--count", "99"], "at most 10"),
        (["image", "a fox", "--count", "many"], "count"),
        (["image", "a fox", "--max-cost", "-1"], "max_cost"),
        (["image", "a fox", "--option", "nonsense"], "KEY=VALUE"),
        (["image"], "prompt"),
        (["image", "a fox", "-o", "nowhere/fox.png"], "no directory"),
        (["speech", "hello", "--voice", "nobody"], "narrator"),
        (["text", "hello", "--stream", "--json"], "choose one"),
        (["image", "a fox", "--colour"], "--help"),
        (["painting", "a fox"], "--help"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_code_2(
    cli: Cli, words: list[str], expected: str
) -> None:
    """With the next step, and never a traceback."""
    ran = cli("generate", *words)
    assert ran.code == 2, (ran.out, ran.err)
    assert expected in ran.err
    assert "Traceback" not in ran.err
    assert cli.files() == []


@pytest.mark.parametrize(
    ("medium", "fail", "words"),
    [
        ("image", "moderation", "content policy"),
        ("image", "credits", "credits"),
        ("image", "auth", "key"),
        ("audio", "moderation_late", "content policy"),
        ("audio", "failed_late", "gave up"),
    ],
)
def test_what_failed_exits_with_1(cli: Cli, medium: str, fail: str, words: str) -> None:
    """Before it was accepted, or after."""
    options = ["--option", f"fail={fail}", "--option", "delay_seconds=0"]
    ran = cli("generate", medium, "a fox", *options)
    assert ran.code == 1, ran.err
    assert words in ran.err
    assert "anymedia jobs show job_" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("fail", ["unknown_outcome", "server", "html", "empty", "malformed"])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(cli: Cli, fail: str) -> None:
    """Echo honours keys, so a submission that nobody answered is sent again and made once."""
    until = (datetime.now(UTC) + timedelta(milliseconds=200)).isoformat()
    options = ["--option", f"fail={fail}", "--option", f"fail_until={until}"]
    ran = cli("generate", "image", "a fox", "--resolution", "64x64", *options, "--json")
    assert ran.code == 0, ran.err
    (attempt,) = ran.json["attempts"]
    assert attempt["state"] == "succeeded"


def test_a_failure_in_json_is_a_document(cli: Cli) -> None:
    """For programs, on stdout; for people, on stderr."""
    ran = cli("generate", "text", "hi", "--option", "fail=auth", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "AUTHENTICATION_FAILED"
    assert ran.err.startswith("error: ")


def test_detached_jobs_go_on_elsewhere(cli: Cli) -> None:
    """The id is all that is printed; `jobs wait` brings the file."""
    ran = cli("generate", "audio", "rain", "--duration", "1", "--detach")
    assert ran.code == 0, ran.err
    job_id = ran.out.strip()
    assert job_id.startswith("job_")
    ran = cli("jobs", "wait", job_id, "-o", "rain.wav")
    assert ran.code == 0, ran.err
    assert cli.file("rain.wav").startswith(b"RIFF")


def test_an_estimate_spends_nothing(cli: Cli) -> None:
    """Every candidate with its price and what would change."""
    ran = cli("estimate", "video", "a fox", "--duration", "99", "--json")
    assert ran.code == 0
    (estimate,) = ran.json
    assert estimate["fits"] is True
    assert Decimal(estimate["cost"]["amount"]) == 0
    assert estimate["adaptations"][0]["option"] == "duration_seconds"
    assert cli("jobs", "list", "--json").json == []
    table = cli("estimate", "video", "a fox")
    assert "echo/clip" in table.out


def test_an_estimate_without_a_candidate_says_why(cli: Cli) -> None:
    """And exits as a wrong request does."""
    ran = cli("estimate", "image", "a fox", "--count", "99")
    assert ran.code == 2
    assert "at most 10" in ran.out


def test_an_image_of_ones_own_is_edited(cli: Cli, photo: str) -> None:
    """The result has the picture's size and is not the picture."""
    ran = cli("generate", "image", "at night", "--image", photo, "-o", "night.png")
    assert ran.code == 0, ran.err
    with Image.open(io.BytesIO(cli.file("night.png"))) as night:
        assert night.size == (320, 180)


def test_a_mask_says_where(cli: Cli, photo: str) -> None:
    """What is outside of it stays."""
    mask = Image.new("L", (320, 180), 0)
    mask.paste(255, (160, 0, 320, 180))
    mask.save(cli.directory / "work" / "mask.png")
    ran = cli(
        *("generate", "image", "a hat", "--image", photo),
        *("--mask", str(cli.directory / "work" / "mask.png"), "-o", "hat.png"),
    )
    assert ran.code == 0, ran.err
    with Image.open(io.BytesIO(cli.file("hat.png"))) as hat:
        kept, changed = (hat.convert("RGB").getpixel((across, 90)) for across in (40, 280))
    assert kept[0] > 150
    assert max(kept[1:]) < 90
    assert changed != kept


def test_the_json_of_a_result_can_be_read_back(cli: Cli) -> None:
    """What is printed is the contract."""
    from anymedia.contracts.text import TextResult

    document = json.loads(cli("generate", "text", "Hello", "--json").out)
    assert TextResult.model_validate(document).text
