"""How written English is said: numbers as words, and a guess at the sounds of an unknown word."""

import re

_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_UNITS = {"%": "percent", "$": "dollars", "£": "pounds", "€": "euros", "&": "and", "@": "at", "+": "plus"}
_PIECE = re.compile(r"\d+(?:,\d{3})+|\d+|[a-z]+(?:'[a-z]+)*|[%$£€&@+]|(?<=\d)\.(?=\d)", re.ASCII)

_SOUNDS = (
    ("tch", "CH"), ("sch", "SH"), ("igh", "AY"), ("eau", "OW"), ("ough", "AO"), ("ch", "CH"),
    ("sh", "SH"), ("th", "TH"), ("ph", "F"), ("wh", "W"), ("ck", "K"), ("ng", "NG"), ("qu", "K W"),
    ("gh", "G"), ("kn", "N"), ("wr", "R"), ("ee", "IY"), ("ea", "IY"), ("oo", "UW"), ("ou", "AW"),
    ("ow", "OW"), ("oi", "OY"), ("oy", "OY"), ("ai", "EY"), ("ay", "EY"), ("au", "AO"),
    ("aw", "AO"), ("ie", "IY"), ("ei", "EY"), ("er", "ER"), ("ir", "ER"), ("ur", "ER"),
    ("ar", "AA R"), ("or", "AO R"), ("a", "AE"), ("b", "B"), ("c", "K"), ("d", "D"), ("e", "EH"),
    ("f", "F"), ("g", "G"), ("h", "HH"), ("i", "IH"), ("j", "JH"), ("k", "K"), ("l", "L"),
    ("m", "M"), ("n", "N"), ("o", "AA"), ("p", "P"), ("q", "K"), ("r", "R"), ("s", "S"), ("t", "T"),
    ("u", "AH"), ("v", "V"), ("w", "W"), ("x", "K S"), ("y", "IY"), ("z", "Z"),
)  # fmt: skip


def spoken(text: str) -> tuple[str, ...]:
    """The plain lower-case words that are said for one written English word: ``$25`` is twenty five dollars.

    Nothing for text without letters or digits. Four digits without a comma are a year when they look
    like one.
    """
    pieces = _PIECE.findall(text.lower().replace("’", "'"))
    money = [_UNITS[piece] for piece in pieces if piece in {"$", "£", "€"}]
    said: list[str] = []
    for place, piece in enumerate(pieces):
        after = pieces[place + 1] if place + 1 < len(pieces) else ""
        before = pieces[place - 1] if place else ""
        said += _said(piece, before=before, after=after)
    return tuple(said + money)


def sounds(word: str) -> str:
    """A guess at the ARPABET sounds of an English word that no dictionary holds, good enough to align it."""
    found: list[str] = []
    rest = re.sub(r"([^aeiou])\1", r"\1", re.sub("[^a-z]", "", word.lower()))
    while rest:
        letters, sound = next(pair for pair in _SOUNDS if rest.startswith(pair[0]))
        rest = rest[len(letters) :]
        if not (letters == "e" and not rest and len(found) > 1):  # a last e is not heard
            found.append(sound)
    return " ".join(found) or "AH"


def _said(piece: str, *, before: str, after: str) -> list[str]:
    if piece == ".":
        return ["point"]
    if piece in _UNITS:
        return [] if piece in {"$", "£", "€"} else [_UNITS[piece]]
    if piece[0].isdigit():
        words = _number(piece, digits=before == ".")
        if after in {"st", "nd", "rd", "th"}:
            words[-1] = _ordinal(words[-1])
        if after == "s":
            words[-1] = _plural(words[-1])
        return words
    return [] if before[:1].isdigit() and piece in {"st", "nd", "rd", "th", "s"} else [piece]


def _number(text: str, *, digits: bool) -> list[str]:
    value = int(text.replace(",", ""))
    if digits or (text[0] == "0" and len(text) > 1) or value >= 10**12:
        return [_ONES[int(digit)] for digit in text if digit.isdigit()]
    if len(text) == 4 and (1100 <= value <= 1999 or 2010 <= value <= 2099):
        hundreds, rest = divmod(value, 100)
        tail = ["hundred"] if rest == 0 else ["o", _ONES[rest]] if rest < 10 else _cardinal(rest)
        return _cardinal(hundreds) + tail
    return _cardinal(value)


def _cardinal(value: int) -> list[str]:
    if value < 20:
        return [_ONES[value]]
    if value < 100:
        return [_TENS[value // 10], *([_ONES[value % 10]] if value % 10 else [])]
    size, name = next(scale for scale in _SCALES if value >= scale[0])
    count, rest = divmod(value, size)
    return [*_cardinal(count), name, *(_cardinal(rest) if rest else [])]


def _ordinal(word: str) -> str:
    return _ORDINALS.get(word) or (word[:-1] + "ieth" if word.endswith("y") else word + "th")


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")
