"""Images: scenes, edits, inpainting and variations, as PNG, JPEG or WebP."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import TYPE_CHECKING, Literal

import msgspec

from anymedia.echo.chance import seed_for
from anymedia.echo.inputs import flat, media, picture
from anymedia.echo.refusal import invalid, need
from anymedia.echo.script import Script, refuse_forbidden
from anymedia.echo.size import image_size

if TYPE_CHECKING:
    from PIL import Image

MODEL = "picture-1"
MOST = 10
FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


class ImageBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    prompt: str = ""
    images: tuple[str, ...] = ()
    mask: str | None = None
    mode: Literal["edit", "variation"] | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    background: str | None = None
    format: Literal["png", "jpeg", "webp"] = "png"
    count: int = 1
    seed: int | None = None


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One image in an answer."""

    b64: str
    media_type: str
    width: int
    height: int
    seed: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was made."""

    images: int
    megapixels: str


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    images: tuple[Picture, ...]
    usage: Usage
    model: str = MODEL
    cost: str | None = None


def answer(body: ImageBody, script: Script, id_: str) -> Pictures:
    """The pictures that were asked for."""
    refuse_forbidden(body.prompt)
    if not 1 <= body.count <= MOST:
        raise invalid(f"`count` is {body.count} and should be from 1 to {MOST}")
    need("pictures", "numpy", "PIL")
    given = tuple(picture(media(one, "images").data, "images") for one in body.images)
    if not given and not body.prompt.strip():
        raise invalid("there is neither a `prompt` nor an image")
    size = image_size(body.aspect_ratio, body.resolution, given[0].size if given else None)
    first = seed_for(body.seed, body.prompt, *body.images)
    made = tuple(one(body, given, size, first + number) for number in range(body.count))
    megapixels = body.count * size[0] * size[1] / 1_000_000
    return Pictures(
        id=id_,
        images=made,
        usage=Usage(images=body.count, megapixels=f"{megapixels:.4f}"),
        cost=script.reported,
    )


def one(
    body: ImageBody, given: tuple[Image.Image, ...], size: tuple[int, int], seed: int
) -> Picture:
    """One of the pictures, encoded."""
    made = drawn(body, given, size, seed)
    return Picture(
        b64=base64.b64encode(encoded(made, body.format)).decode(),
        media_type=FORMATS[body.format],
        width=made.width,
        height=made.height,
        seed=seed,
    )


def drawn(
    body: ImageBody, given: tuple[Image.Image, ...], size: tuple[int, int], seed: int
) -> Image.Image:
    """One of the pictures."""
    from anymedia.echo.caption import caption, put
    from anymedia.echo.cards import cut_out
    from anymedia.echo.grade import graded, varied
    from anymedia.echo.scene import scene
    from anymedia.echo.stage import Stage

    shown = scene(body.prompt, seed)
    if not given:
        if body.background == "transparent":
            return cut_out(shown, *size)
        made = Stage(shown, *size, moving=False).frame()
        put(made, caption(body.prompt, *size))
        return made
    base = covering(given[0], size)
    if body.mask is not None:
        return inpainted(body, base, Stage(shown, *size, moving=False).frame())
    if (body.mode or ("edit" if body.prompt.strip() else "variation")) == "variation":
        return varied(base, shown)
    made = graded(base, shown)
    for number, other in enumerate(given[1:4]):
        card(made, other, number)
    put(made, caption(body.prompt, *size))
    return made


def covering(given: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The given picture in the size that was asked, untouched where it has it already."""
    from anymedia.echo.inputs import covering as fitted

    return flat(given).copy() if given.size == size else fitted(given, *size)


def inpainted(body: ImageBody, base: Image.Image, fresh: Image.Image) -> Image.Image:
    """The picture with something new where the mask is transparent, and nowhere else."""
    from PIL import Image, ImageChops

    assert body.mask is not None
    mask = picture(media(body.mask, "mask").data, "mask")
    if mask.mode != "RGBA":
        raise invalid("`mask` has no transparency: it should be transparent where to change")
    hole = ImageChops.invert(mask.getchannel("A"))
    if hole.getbbox() is None:
        raise invalid("`mask` is nowhere transparent, so there is nothing to change")
    hole = hole.resize(base.size, Image.Resampling.NEAREST)
    made = base.copy()
    made.paste(fresh, (0, 0), hole)
    return made


def card(made: Image.Image, other: Image.Image, number: int) -> None:
    """A further picture, shown as a small print in the corner."""
    from anymedia.echo.cards import printed

    print_ = printed(other, int(min(made.size) * 0.26), (-5, 4, -3)[number % 3])
    x = int(made.width * 0.03 + number * print_.width * 0.92)
    made.paste(print_, (x, int(made.height * 0.03)), print_)


def encoded(made: Image.Image, kind: str) -> bytes:
    """The picture as a file."""
    out = BytesIO()
    match kind:
        case "jpeg":
            flat(made).save(out, "JPEG", quality=92, optimize=True)
        case "webp":
            made.save(out, "WEBP", quality=90, method=3)
        case _:
            made.save(out, "PNG", compress_level=4)
    return out.getvalue()
