"""What setting type needs to know of fonts: which characters they have, and how wide those are."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clipmill.editing.text import JOINERS


@dataclass(frozen=True, slots=True)
class Typeface:
    """One font file. Lengths are in em, the size of the type.

    ``family`` is the full name under which libass finds it. ``ascent`` and ``descent`` are those that
    libass stacks lines with (OS/2 win metrics); its font size is their sum. ``cap_height`` is the height
    of a capital. ``kerning`` holds pairs of characters that stand closer or wider than their advances,
    ``forms``, for letters that join (Arabic), the widths of their initial, medial and final forms, 0 for
    a form that a letter does not have.
    """

    family: str
    advances: Mapping[int, float]
    ascent: float
    descent: float
    cap_height: float
    kerning: Mapping[tuple[int, int], float] = field(default_factory=dict)
    forms: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)

    def has(self, character: str) -> bool:
        """Whether it can draw ``character``; joiners are drawn by nothing and lacking nowhere."""
        return character in JOINERS or ord(character) in self.advances

    @property
    def line(self) -> float:
        """Height of a line, which is what an ASS file calls the font size."""
        return self.ascent + self.descent

    def width(self, text: str) -> float:
        """Width of ``text`` in em; characters that it lacks count as nothing."""
        codes = [ord(character) for character in text]
        total = sum(self.advances.get(code, 0.0) for code in codes)
        total += sum(self.kerning.get(pair, 0.0) for pair in pairwise(codes))
        return total + (self._joining(codes) if self.forms else 0.0)

    def _joining(self, codes: Sequence[int]) -> float:
        """What joining changes about the width of letters: each has another form beside its neighbours."""
        letters = [code for code in codes if code == _PARTS or self.advances.get(code, 0.0) > 0]
        change = 0.0
        for place, code in enumerate(letters):
            forms = self.forms.get(code)
            if forms is None:
                continue
            before = place > 0 and self._joins_on(letters[place - 1])
            after = self._joins_on(code) and place + 1 < len(letters) and letters[place + 1] in self.forms
            match before, after:
                case True, True:
                    change += forms[1] - self.advances[code]
                case True, False:
                    change += forms[2] - self.advances[code]
                case False, True:
                    change += forms[0] - self.advances[code]
        return change

    def _joins_on(self, code: int) -> bool:
        """Whether the letter joins the one that follows it."""
        return self.forms.get(code, (0.0,))[0] > 0


_PARTS = 0x200C
"""The zero-width non-joiner, at which Persian letters do not join."""

PhraseModel = Mapping[str, Mapping[str, int]]
"""Weights of a BudouX model: feature name, then characters, then score."""


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """The typefaces of a style for one language, the style's own first, then those that fill its gaps.

    ``phrases`` says where a language that writes no spaces may break, None for the others.
    """

    language: str
    faces: tuple[Typeface, ...]
    phrases: PhraseModel | None = None

    def covers(self, character: str) -> bool:
        """Whether any of the typefaces has it."""
        return any(face.has(character) for face in self.faces)

    def runs(self, text: str) -> Iterator[tuple[Typeface, str]]:
        """``text`` cut into runs of one typeface; the first that has all of a word takes it whole."""
        whole = next((face for face in self.faces if all(face.has(c) for c in text)), None)
        if whole is not None:
            yield whole, text
            return
        run, current = "", self.faces[0]
        for character in text:
            face = self._face(character, current)
            if run and face is not current:
                yield current, run
                run = ""
            run, current = run + character, face
        if run:
            yield current, run

    def width(self, text: str) -> float:
        """Width of ``text`` in em."""
        return sum(face.width(run) for face, run in self.runs(text))

    def _face(self, character: str, current: Typeface) -> Typeface:
        """The typeface for a character, staying with ``current`` where that has it too."""
        if current.has(character):
            return current
        return next((face for face in self.faces if face.has(character)), current)
