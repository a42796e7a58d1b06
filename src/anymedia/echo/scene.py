"""What a prompt shows: place, light, season, weather and who is in it, read from its words.

A word list is no language model. But a prompt about a fox in snow at night shall give a fox, snow
and night, and any other prompt something pleasant that is always the same.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TypeAlias

from anymedia.echo.chance import Chance

Colour: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """A time of day: what the sky looks like and what it does to everything below."""

    sky: tuple[Colour, ...]
    """From the top down to the horizon."""
    haze: Colour
    """What far things fade into."""
    shade: tuple[float, float, float]
    """What daylight colours are multiplied by."""
    glow: Colour
    """The sun's or the moon's."""
    cloud: Colour
    elevation: float
    """How high the sun or moon stands, as a share of the sky; below 0 there is none."""
    dark: bool = False
    stars: float = 0.0
    cloudiness: float = 0.4


LIGHTS: dict[str, Light] = {
    "night": Light(
        sky=((9, 12, 34), (20, 34, 82), (45, 66, 128), (106, 120, 178)),
        haze=(84, 102, 164),
        shade=(0.26, 0.33, 0.56),
        glow=(244, 240, 220),
        cloud=(92, 110, 168),
        elevation=0.68,
        dark=True,
        stars=1.0,
        cloudiness=0.25,
    ),
    "aurora": Light(
        sky=((4, 12, 34), (8, 30, 62), (14, 62, 88), (34, 104, 112)),
        haze=(38, 92, 112),
        shade=(0.22, 0.40, 0.50),
        glow=(225, 245, 235),
        cloud=(46, 96, 118),
        elevation=-1.0,
        dark=True,
        stars=1.0,
        cloudiness=0.05,
    ),
    "sunset": Light(
        sky=((46, 30, 88), (140, 60, 126), (240, 118, 108), (255, 196, 124)),
        haze=(248, 168, 122),
        shade=(0.66, 0.40, 0.46),
        glow=(255, 236, 186),
        cloud=(255, 164, 136),
        elevation=0.16,
        cloudiness=0.55,
    ),
    "dawn": Light(
        sky=((72, 96, 158), (158, 152, 204), (246, 190, 188), (255, 230, 200)),
        haze=(236, 196, 200),
        shade=(0.72, 0.64, 0.76),
        glow=(255, 246, 220),
        cloud=(255, 214, 208),
        elevation=0.22,
        cloudiness=0.45,
    ),
    "day": Light(
        sky=((44, 122, 206), (104, 176, 236), (178, 220, 250), (232, 246, 255)),
        haze=(198, 224, 246),
        shade=(1.0, 1.0, 1.0),
        glow=(255, 252, 232),
        cloud=(255, 255, 255),
        elevation=0.74,
        cloudiness=0.5,
    ),
    "golden": Light(
        sky=((70, 116, 168), (152, 190, 204), (250, 224, 168), (255, 212, 132)),
        haze=(250, 216, 158),
        shade=(0.98, 0.82, 0.60),
        glow=(255, 248, 214),
        cloud=(255, 232, 190),
        elevation=0.30,
        cloudiness=0.4,
    ),
    "storm": Light(
        sky=((38, 46, 56), (70, 80, 92), (112, 122, 132), (164, 172, 178)),
        haze=(146, 156, 164),
        shade=(0.50, 0.56, 0.62),
        glow=(200, 205, 210),
        cloud=(96, 104, 114),
        elevation=-1.0,
        cloudiness=0.95,
    ),
    "space": Light(
        sky=((5, 4, 15), (16, 11, 44), (42, 22, 80), (74, 44, 122)),
        haze=(84, 60, 134),
        shade=(0.55, 0.48, 0.74),
        glow=(255, 240, 220),
        cloud=(120, 60, 150),
        elevation=-1.0,
        dark=True,
        stars=2.2,
        cloudiness=0.3,
    ),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of land, by its colours in daylight."""

    far: Colour
    near: Colour


PLACES: dict[str, Place] = {
    "mountains": Place((92, 122, 152), (48, 78, 66)),
    "forest": Place((110, 152, 142), (26, 66, 52)),
    "hills": Place((138, 176, 130), (84, 136, 62)),
    "desert": Place((222, 170, 120), (206, 140, 74)),
    "city": Place((120, 136, 168), (40, 46, 70)),
    "sea": Place((112, 146, 168), (36, 92, 116)),
    "space": Place((128, 108, 156), (92, 76, 124)),
}

LIGHT_WORDS = {
    "aurora": "aurora northern-lights polar-lights",
    "space": "space galaxy planet mars cosmos cosmic astronaut nebula orbit alien spaceship",
    "night": "night midnight moon moonlight moonlit stars starry dark lantern neon campfire firefly",
    "sunset": "sunset dusk twilight sundown evening",
    "dawn": "dawn sunrise morning daybreak",
    "storm": "storm stormy thunder lightning overcast gloomy rain rainy raining hurricane",
    "golden": "golden autumn warm honey amber summer savanna cozy cosy",
    "day": "day daylight noon sunny bright blue clear spring happy",
}
PLACE_WORDS = {
    "space": "space galaxy planet mars cosmos cosmic nebula alien spaceship lunar",
    "sea": "sea ocean beach island coast shore harbour harbor lake bay boat ship sailing sail wave surf "
    "whale lighthouse dolphin water river",
    "city": "city street skyline town downtown skyscraper tokyo york london paris berlin neon cyberpunk "
    "urban building taxi metro",
    "desert": "desert dune sand sahara camel cactus canyon pyramid",
    "forest": "forest wood woods jungle tree pine bear owl fox deer mushroom wolf",
    "hills": "hill meadow field grass flower farm garden sheep countryside valley park bunny rabbit dog "
    "horse windmill",
    "mountains": "mountain alps peak summit ski cliff himalaya volcano glacier cabin",
}
WEATHER_WORDS = {
    "snow": "snow snowy snowing winter blizzard ice icy frost frozen christmas ski glacier arctic",
    "rain": "rain rainy raining drizzle storm stormy shower monsoon umbrella",
    "fog": "fog foggy mist misty haze hazy",
    "fireflies": "firefly fireflies magic magical fairy enchanted dream dreamy",
    "leaves": "autumn leaves leaf",
    "petals": "spring blossom petal cherry sakura flower",
}
SEASON_WORDS = {
    "winter": "snow snowy snowing winter blizzard ice icy frost frozen christmas ski glacier arctic polar",
    "autumn": "autumn october leaves",
    "spring": "spring blossom cherry sakura april",
}
FIGURE_WORDS = {
    "fox": "fox vixen",
    "cat": "cat kitten kitty tiger lion",
    "dog": "dog puppy wolf hound corgi husky",
    "deer": "deer stag reindeer elk moose",
    "horse": "horse pony unicorn stallion",
    "rabbit": "rabbit bunny hare",
    "bird": "bird seagull gull eagle swallow crow raven goose owl parrot dove birds",
    "boat": "boat ship sailboat sailing yacht sail",
    "lighthouse": "lighthouse",
    "house": "house cabin cottage home hut village farm barn",
    "balloon": "balloon airship",
    "rocket": "rocket spaceship spacecraft astronaut",
    "whale": "whale dolphin",
    "robot": "robot android droid",
    "car": "car taxi truck bus van",
    "person": "person man woman girl boy child walker hiker traveller traveler king queen knight people",
}
RUNNING = re.compile(
    r"\b(?:run|running|runs|race|racing|chase|chasing|drive|driving|gallop\w*|jog\w*|jump\w*|leap\w*"
    r"|fast|dash\w*|rush\w*|hunt\w*)\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture in words, ready to be drawn."""

    prompt: str
    seed: int
    light: Light
    light_name: str
    place: str
    season: str | None
    weather: frozenset[str]
    figures: tuple[str, ...]
    running: bool

    def chance(self, *what: object) -> Chance:
        """Chance of this scene's own."""
        return Chance(self.seed, self.prompt, *what)

    @property
    def far(self) -> Colour:
        """The farthest land, by this light."""
        return mixed(self.lit(self.ground()[0]), self.light.haze, 0.72)

    @property
    def near(self) -> Colour:
        """The nearest land, by this light."""
        return self.lit(self.ground()[1])

    def ground(self) -> tuple[Colour, Colour]:
        """The land's colours in daylight, as the season has them."""
        place = PLACES[self.place]
        match self.season:
            case "winter" if self.place != "city":
                return mixed(place.far, (214, 228, 244), 0.55), (226, 236, 248)
            case "autumn" if self.place in {"forest", "hills", "mountains"}:
                return mixed(place.far, (206, 140, 90), 0.5), (150, 86, 40)
            case _:
                return place.far, place.near

    def lit(self, colour: Colour) -> Colour:
        """A daylight colour by this light."""
        red, green, blue = (
            min(255, int(c * s)) for c, s in zip(colour, self.light.shade, strict=True)
        )
        return red, green, blue


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """A colour between two, `share` of the way to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def mentioned(words: set[str], table: dict[str, str]) -> list[str]:
    """The entries of a word table that a prompt mentions."""
    return [name for name, known in table.items() if words & set(known.split())]


def spoken(prompt: str) -> set[str]:
    """A prompt's words, plurals also as singulars, and pairs joined by a hyphen."""
    words = re.findall(r"[a-z]+", prompt.lower()[:20_000])
    pairs = {f"{one}-{two}" for one, two in itertools.pairwise(words)}
    singular = {word[: -len(end)] for word in words for end in ("s", "es") if word.endswith(end)}
    return {*words, *pairs, *singular, *(word[:-3] + "f" for word in words if word.endswith("ves"))}


def scene(prompt: str, seed: int) -> Scene:
    """What a prompt shows."""
    words = spoken(prompt)
    chance = Chance("scene", seed, prompt)
    usual_light = chance.pick(("sunset", "dawn", "golden", "day", "day", "sunset", "night"))
    usual_place = chance.pick(("mountains", "mountains", "hills", "sea", "forest"))
    winter = "winter" in mentioned(words, SEASON_WORDS)
    lights = mentioned(words, LIGHT_WORDS)
    if winter and not lights:
        usual_light = chance.pick(("dawn", "day", "dawn"))
    light_name = lights[0] if lights else usual_light
    places = mentioned(words, PLACE_WORDS)
    weather = set(mentioned(words, WEATHER_WORDS))
    if light_name == "storm" and "snow" not in weather:
        weather.add("rain")
    if "snow" in weather:
        weather -= {"rain", "petals", "leaves"}
    seasons = mentioned(words, SEASON_WORDS)
    return Scene(
        prompt=prompt,
        seed=seed,
        light=LIGHTS[light_name],
        light_name=light_name,
        place=places[0] if places else usual_place,
        season=seasons[0] if seasons else None,
        weather=frozenset(weather),
        figures=tuple(mentioned(words, FIGURE_WORDS)[:3]),
        running=bool(RUNNING.search(prompt.lower()[:20_000])),
    )
