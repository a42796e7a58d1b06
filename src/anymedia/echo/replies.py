"""What echo says: short, friendly, made of the prompt's own words, honest about being an echo."""

from __future__ import annotations

import re

from anymedia.echo.chance import Chance
from anymedia.echo.words import content_words, syllables, tokens, topic

SAY = re.compile(
    r"\b(?:say|repeat|echo|reply with|answer with|respond with)\b"
    r"(?: (?:exactly|only|just|the words?|this|after me|back))*\s*[:,]?\s+(.+)",
    re.IGNORECASE | re.DOTALL,
)
SUM = re.compile(
    r"(?<![\w.])(-?\d{1,9}(?:\.\d{1,4})?) ?([-+*×/÷]|plus|minus|times) ?(-?\d{1,9}(?:\.\d{1,4})?)(?![\w])"
)
PLAIN = re.compile(r"^(?:the|an?|my|our)\s+|\s+(?:in|on|at|of|with|by|and|that|who)\b.*$")
"""What a noun can do without."""
FOR = re.compile(r"\bfor (?:(?:an?|the|my|our) )?(.{2,60}?)(?:[.!?,;\n]|$)", re.IGNORECASE)
GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|good (?:morning|evening|afternoon))\b.{0,24}$", re.IGNORECASE
)
LIST = re.compile(
    r"\b(?:list|ideas|names for|suggestions|reasons|ways|tips|steps)\b", re.IGNORECASE
)
COUNTS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "ten": 10}

FIVE = {
    1: ("{} in the still air", "quiet {} at dawn", "the {} comes softly"),
    2: ("{} in the light", "slowly, {} again", "a hush, then {} there"),
    3: ("{} at dawn", "still, {} now", "here, {}, hushed"),
    4: ("{}, hushed", "soft {}", "this {}"),
    5: ("{}",),
}
SEVEN = {
    1: ("{} remembered every word", "all night long the {} wrote songs"),
    2: ("{} remembered each word", "nobody told {} to stay"),
    3: ("{} waited while hills slept", "far away {} glowed"),
    4: ("{}, then silence", "only {} knew"),
    5: ("one {}, again",),
    6: ("still {}",),
    7: ("{}",),
}
LAST = (
    "the day breathes again",
    "and the echo stays",
    "a door left ajar",
    "nothing more to say",
    "the whole world listens",
)
OPENINGS = (
    "You asked about {topic}, so here it comes back to you, a little tidied.",
    "{Topic}: a fine thing to think about.",
    "Here is what a friendly echo makes of {topic}.",
)
MIDDLES = (
    "The words that stayed with me are {words}.",
    "Taken together, {words} say most of it.",
    "I would begin with {words}, and let the rest follow.",
)
CLOSINGS = (
    "I am echo, the model built into anymedia: I work offline, cost nothing and answer the same way every time.",
    "That was echo, anymedia's built-in model. Give a real provider its key and ask the same again for more.",
    "I am only an echo, made for trying things out: no key, no network, no surprises.",
)
ITEMS = (
    "{word}, as simply as it can be",
    "{word} in the early morning",
    "the quiet side of {word}",
    "{word}, seen from far away",
    "{word} and what comes after it",
    "a small {word} for a large day",
    "{word}, told by somebody who was there",
    "{word} without a hurry",
    "the other {word}",
    "{word}, once more",
)


def reply(prompt: str, chance: Chance) -> str:
    """The answer to a prompt."""
    text = prompt.strip()
    if re.search(r"\bhaikus?\b", text, re.IGNORECASE):
        return haiku(text, chance)
    if found := SAY.search(text):
        return found[1].strip().strip("\"“”'")
    if found := SUM.search(text):
        return calculated(found[1], found[2], found[3])
    if GREETING.match(text):
        return "Hello! I am echo, anymedia's built-in model. Ask me for anything; I need no key."
    if LIST.search(text):
        return items(text, chance)
    return paragraph(text, chance)


def haiku(prompt: str, chance: Chance) -> str:
    """Five, seven, five, around the prompt's nouns."""
    subject = PLAIN.sub("", topic(prompt).lower())
    other = next((w.lower() for w in content_words(prompt) if w.lower() not in subject), subject)
    return "\n".join(
        (
            line(FIVE, subject, chance, "an old quiet pond"),
            line(SEVEN, other, chance, "something small begins to sing"),
            chance.pick(LAST),
        )
    )


def line(patterns: dict[int, tuple[str, ...]], noun: str, chance: Chance, otherwise: str) -> str:
    """A line that scans with that noun in it."""
    length = sum(syllables(word) for word in noun.split())
    fitting = patterns.get(length)
    return chance.pick(fitting).format(noun) if fitting else otherwise


def calculated(left: str, sign: str, right: str) -> str:
    """A sum, said as a sentence."""
    a, b = float(left), float(right)
    match sign:
        case "+" | "plus":
            value = a + b
        case "-" | "minus":
            value = a - b
        case "*" | "×" | "times":
            value = a * b
        case _ if b == 0:
            return f"{left} {sign} {right} has no answer: nothing can be divided by zero."
        case _:
            value = a / b
    return f"{left} {sign} {right} = {value:.10g}"


def items(prompt: str, chance: Chance) -> str:
    """A list, as long as was asked."""
    purpose = FOR.search(prompt)
    word = purpose[1] if purpose else topic(prompt)
    asked = re.search(rf"\b(\d{{1,2}}|{'|'.join(COUNTS)})\b", prompt, re.IGNORECASE)
    count = (COUNTS.get(asked[1].lower()) or int(asked[1])) if asked else 3
    start = chance.whole(0, len(ITEMS) - 1)
    return "\n".join(
        f"{number + 1}. {ITEMS[(start + number) % len(ITEMS)].format(word=word)}"
        for number in range(max(1, min(count, 2 * len(ITEMS))))
    )


def paragraph(prompt: str, chance: Chance) -> str:
    """A few friendly sentences."""
    about = topic(prompt)
    words = content_words(prompt)[:5] or [about]
    listed = ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]
    return " ".join(
        (
            chance.pick(OPENINGS).format(topic=about, Topic=about[:1].upper() + about[1:]),
            f"“{quoted(prompt)}” " + chance.pick(MIDDLES).format(words=listed),
            chance.pick(CLOSINGS),
        )
    )


def quoted(prompt: str, longest: int = 160) -> str:
    """The prompt on one line, its end cut off where it is long."""
    flat = " ".join(prompt.split())
    return flat if len(flat) <= longest else flat[: longest - 1].rstrip() + "…"


def reasoning(prompt: str, effort: str) -> str:
    """What echo claims to think; the more effort, the longer."""
    words = content_words(prompt)[:8]
    steps = [
        f"The question is about {topic(prompt)}.",
        f"It has {tokens(prompt)} tokens; the telling ones are {', '.join(words) or 'few'}.",
        "It should be answered in its own words.",
        "An answer that claims more than it knows helps nobody.",
        "So: short, friendly, and clearly an echo.",
    ]
    length = {"minimal": 1, "low": 2, "medium": 3, "high": 4}.get(effort, 5)
    return " ".join(steps[:length])
