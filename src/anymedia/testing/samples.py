"""Small real media for doubles to answer with, made without any codec."""

from __future__ import annotations

import base64
import struct
import zlib


def png(width: int, height: int, *, shade: int = 1) -> bytes:
    """A picture of one shade (0 is black, 1 is white), one bit a pixel."""
    row = b"\0" + (b"\xff" if shade else b"\0") * ((width + 7) // 8)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(row * height, 9)),
            chunk(b"IEND", b""),
        )
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pcm(seconds: float, *, rate: int = 24_000) -> bytes:
    """Silence as raw 16-bit samples."""
    return bytes(2 * round(seconds * rate))


def wav(seconds: float, *, rate: int = 24_000) -> bytes:
    """Silence in a file."""
    samples = pcm(seconds, rate=rate)
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    body = b"WAVE" + layout + struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", len(body)) + body


MP3_FRAME_SECONDS = 1152 / 44_100


def mp3(seconds: float) -> bytes:
    """Silence in frames of MPEG-1 layer 3, 128 kbit/s at 44.1 kHz, mono."""
    frame = b"\xff\xfb\x90\xc4" + bytes(413)
    return frame * max(1, round(seconds / MP3_FRAME_SECONDS))


def mp4() -> bytes:
    """One second of H.264 without sound: 64 x 64, eight pictures that grow lighter."""
    return zlib.decompress(base64.b85decode(CLIP))


CLIP = (
    "c-nncO^6&t6t3A#bPX%45W)y6sc78O&TMzj?6?lL%(AY|A%Yik5TU8As-AA9yQ`<F<}V0l!9y-yL;?z~<ffpAUOW"
    "i~#FO4UxZpuAvO+K(10s`GJu{iknxv?o_xrtiuU^j}gm9q8S)@dQ&=N8yEQbuJon&<zA+!=m&JkMPNEp#zbK|kol"
    "gTH)?f>=NpGWO)uW$Z}kDmMc_Q+|}aRpN$Ikp?yK(?zO+Iszs{nsjWynA^Mbc|C_?1^j~^FU+AvT7B_a*TDTb=KV"
    "48V-lmLBzO-Nm>=Mvt@9rp-y735t)ues+yP*pHSDvk_WEcz>NE`pk3E)T1^X+l*D7jU29ZpS|htw!wGl$Nr+Y72g"
    "<f^rpDk5yC<1zS1s^@4JXlvGcU&k7f+J3!(FG2X(&ZPJmZVC<Z&D+*TFlZ9Y!^XXfJUsxC3EVL<$b}rfuVZDD7pc"
    "8)e2~3ed|u5d?~Bx8h(OO7KvijfLov5EySEQ*lK3LSW%k<}qlL5N+-erJBo_fDy?3xG%}rqaw+O2A)EZv?Ngq5MU"
    "^Yu?ZwexN>)}?`314BL+$M9$_TYIps&hL}HQTkXH>4dDIED55YvnQ?Da3&`yOJICS|Kuw7@{nvq@-r2wxePdV*tw"
    "{GD)xT&b*Dg<vyy?fcZ4a2)s1~~DdtR^d9+--Oe+%vhjRuyb|nZeCZGIAR)0--d|+&Ydjcq8ZtctVIpdhq_{G0|0"
    "M+A_a(fR@hx`_nsTo;@you>Z@;UtRj>$D_{<K)1U4@yf0EJo^5^r<LDLgYO=$b=GbVcY%JQbXeZF)|tH9nlY~$X0"
    "Ca^U0}W}GC$9lWt|8y0AZXALWb@e%g6aDAu|`FbidU}zJ(q+mS7%2mAgQ{t-E>5<^Q9Z*pH6$z__h@7r4loR&cKK"
    "Sm}j_!CjmAE}ctQM1a5vJDK|w=*=H;rV_GP&Nb$1FIrwUUw@mVEat|hbQ7LG0OIT*$w7<PyvU}ybp}0FNMp4xV?3"
    "ox2TJ=f&|fR9Si$Co`H6c-Da>74s10ZPp%y1cc`||h1wh>^F?43~2YR{#=NIzSD;w{bH#udt)=TZ{PhBmc$HU{jg"
    "Ac#i{O`^k<9rsrfLT?`|I7iE&MQ6-zmiX|g+z*Svv%mh_ViS?Hq*CeXL;5w({`9)tpgT4fweL_>!7<*ND$;pH_;S"
    "$71omvSa3Hg3V0SQzt6PkinkJ;pJrSrb^vsZBv}?0t67PrZT9@<S{T4*;J=5=-{BG&1P!NZ!?c{cN7Z`x"
)
"""Made once with libx264 at its lowest quality; deflated, in base 85."""
