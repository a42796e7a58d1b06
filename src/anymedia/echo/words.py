"""Words: what a prompt is about, how it is counted, how it scans."""

from __future__ import annotations

import re

STOPWORDS = frozenset(
    """a about above after again all also am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further give had
    has have having he her here hers him his how i if in into is it its itself just let like make me
    more most my no nor not now of off on once only or other our out over own please same she should
    so some such tell than that the their them then there these they this those through to too under
    until up very was we were what when where which while who whom why will with would write you your
    describe explain create generate show draw paint picture image video photo clip poem haiku story
    list name names three five ten one two short long help want need using use short answer reply
    say word words sentence sentences text exactly briefly detail details get""".split()
)
WORD = re.compile(r"[^\W\d_][\w'’-]*", re.UNICODE)
TOKEN = re.compile(r"\w{1,6}|[^\w\s]", re.UNICODE)
ABOUT = re.compile(
    r"\b(?:about|regarding|on the subject of|on)\s+(.{2,80}?)(?:[.!?;:\n]|,|\bin \d+|$)",
    re.IGNORECASE,
)


def tokens(text: str) -> int:
    """How many tokens a text is taken for: pieces of words of up to six letters."""
    return sum(1 for _ in TOKEN.finditer(text))


def cut(text: str, most_tokens: int) -> str:
    """The beginning of a text, up to so many tokens."""
    for number, found in enumerate(TOKEN.finditer(text), start=1):
        if number == most_tokens:
            return text[: found.end()]
    return text


def content_words(text: str) -> list[str]:
    """The words that carry a text's meaning, in order, each once."""
    found = (word.strip("'’-") for word in WORD.findall(text))
    kept = [word for word in found if len(word) > 1 and word.lower() not in STOPWORDS]
    return list({word.lower(): word for word in reversed(kept)}.values())[::-1]


def names(text: str) -> list[str]:
    """Words that look like names: capitalised inside a sentence."""
    return [
        word
        for word in re.findall(r"(?<=[\w,;:\"'“(] )([A-Z][\w'’-]+)", text)
        if word.lower() not in STOPWORDS
    ]


def numbers(text: str) -> list[float]:
    """The numbers a text mentions."""
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d{1,12}(?:\.\d{1,6})?", text)]


def topic(text: str) -> str:
    """What a text is about, in a few words."""
    if found := ABOUT.search(text):
        return found[1].strip(" \"'“”")
    return " ".join(content_words(text)[:3]) or "this"


def syllables(word: str) -> int:
    """About how many syllables an English word has."""
    bare = re.sub(r"[^a-zà-ÿ]", "", word.lower())
    if not bare:
        return 1
    if len(bare) > 3 and bare.endswith("e") and not re.search(r"[^aeiouy]le$|[aeiouy]e$", bare):
        bare = bare[:-1]
    elif re.search(r"[^aeiouytd]ed$", bare):
        bare = bare[:-2]
    return max(1, len(re.findall(r"[aeiouyà-ÿ]+", bare)))
