"""Which words of a caption are worth stressing."""

from collections import Counter
from collections.abc import Sequence

from clipmill.editing.linebreaks import ends_sentence

# At most one stressed word in so many.
_SPARING = 4
# Words shorter than this are stressed only as names, numbers or negations.
_LONG = 6


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NEGATIONS = _words(
    "no not never nothing nobody none don't doesn't didn't can't won't isn't wasn't cannot"
    " nicht nie niemals nichts kein keine pas jamais rien personne nunca jamás nada nadie mai niente"
)
_COMMON = _words(
    "about actually after again almost already always another anything around because become before being"
    " better between called change coming could couldn't different doesn't doing during every everybody"
    " everyone everything exactly getting given going gonna happen having inside itself little looking"
    " maybe might months myself never others people person please pretty probably really right second"
    " should since somebody someone something sometimes started still talking thank thanks their themselves"
    " there these thing things think thinking those though thought through today together trying under"
    " until usually wanted whatever where whether which while without would wouldn't years yourself"
)
_PUNCTUATION = ".,;:!?…\"'“”‘’()[]«»„¿¡—–-"


def find_keywords(texts: Sequence[str]) -> frozenset[int]:
    """Positions of the words to stress: numbers, names, negations, then the longest rare words.

    ``texts`` are the words of a whole clip in order. Two stressed words are never closer than four.
    """
    bare = [text.strip(_PUNCTUATION).lower().replace("’", "'") for text in texts]
    counts = Counter(bare)
    weights = [_weight(texts, place, bare[place], counts) for place in range(len(texts))]
    chosen: set[int] = set()
    for place in sorted(range(len(texts)), key=lambda place: -weights[place]):
        if weights[place] > 0 and not any(abs(place - other) < _SPARING for other in chosen):
            chosen.add(place)
    return frozenset(chosen)


def _weight(texts: Sequence[str], place: int, bare: str, counts: Counter[str]) -> float:
    if any(character.isdigit() for character in bare):
        return 4.0
    if _is_name(texts, place):
        return 3.0
    if bare in _NEGATIONS:
        return 2.0
    if len(bare) < _LONG or bare in _COMMON:
        return 0.0
    return min(len(bare), 12) / 12 + 0.5 / counts[bare]


def _is_name(texts: Sequence[str], place: int) -> bool:
    """Capitalised in the middle of a sentence; the English I and its kin are not names."""
    text = texts[place].strip(_PUNCTUATION)
    if place == 0 or ends_sentence(texts[place - 1]) or not text[:1].isupper() or len(text) < 2:
        return False
    return not text.startswith(("I'", "I’"))
