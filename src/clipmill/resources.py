"""What comes with the package as files: fonts, models for breaking lines, the weights of the score."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont

from clipmill.editing.score import Weights, weights_from
from clipmill.editing.styles import STYLES, Style
from clipmill.editing.text import JOINERS, script
from clipmill.editing.typefaces import FontMetrics, PhraseModel, Typeface
from clipmill.errors import MissingError

FONTS = Path(__file__).parent / "fonts" / "faces"
"""The folder of the fonts, for ffmpeg's ``fontsdir``."""

_DATA = Path(__file__).parent / "data"

# Faces that fill the gaps of a style's own: the nearest in weight that have the script.
_FALLBACKS = (
    "Noto Sans ExtraBold",
    "Cairo Black",
    "Rubik Black",
    "Kanit ExtraBold",
    "Rounded Mplus 1c ExtraBold",
    "Noto Sans SC ExtraBold",
    "Black Han Sans Regular",
)
# Characters that Chinese and Japanese share are drawn as the language draws them.
_FIRST = {"zh": "Noto Sans SC ExtraBold", "ko": "Black Han Sans Regular", "yue": "Noto Sans SC ExtraBold"}
_KERNED = frozenset(code for code in range(0x21, 0x100) if chr(code).isalpha() or chr(code) in "'-.,!?")
_ARABIC = 0x628
_PHRASE_MODELS = {
    "ja": "ja",
    "zh": "zh-hans",
    "zh-tw": "zh-hant",
    "zh-hk": "zh-hant",
    "yue": "zh-hant",
    "th": "th",
}


def font_metrics(style: Style, language: str) -> FontMetrics:
    """The typefaces with which ``style`` writes ``language`` (a code such as ``en``)."""
    code = language.split("-")[0].lower()
    names = dict.fromkeys([_FIRST.get(code, _FALLBACKS[0]), *_FALLBACKS])
    faces = [_typeface(style.face, kerned=True), *(_typeface(name, kerned=False) for name in names)]
    phrases = _PHRASE_MODELS.get(language.lower(), _PHRASE_MODELS.get(code, ""))
    model = _phrase_model(phrases) if phrases else None
    return FontMetrics(language=language, faces=tuple(faces), phrases=model)


def missing_scripts(text: str) -> tuple[str, ...]:
    """Scripts of ``text`` in which at least one letter is in none of the fonts, in order of appearance."""
    metrics = font_metrics(next(iter(STYLES.values())), "")
    lacking = (c for c in text if script(c) and c not in JOINERS and not metrics.covers(c))
    return tuple(dict.fromkeys(script(character) for character in lacking))


def load_weights() -> Weights:
    """The weights of the score, from ``data/weights.json``."""
    path = _DATA / "weights.json"
    try:
        return weights_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise MissingError(
            f"The weights of the score cannot be read from {path.name}: reinstall clipmill.",
            code="weights-missing",
        ) from error


@cache
def _phrase_model(name: str) -> PhraseModel:
    text = files("budoux").joinpath("models", f"{name}.json").read_text(encoding="utf-8")
    model: PhraseModel = json.loads(text)
    return model


@cache
def _typeface(family: str, *, kerned: bool) -> Typeface:
    path = _font_files().get(family)
    if path is None:
        raise MissingError(
            f"The font {family} is not among the installed ones: reinstall clipmill.", code="font-missing"
        )
    with TTFont(path, lazy=True) as font:
        return _measured(family, font, kerned=kerned)


@cache
def _font_files() -> Mapping[str, Path]:
    """Full name of each shipped font and its file."""
    found = {}
    for path in sorted(FONTS.glob("*.ttf")):
        with TTFont(path, lazy=True) as font:
            found[str(font["name"].getDebugName(4))] = path
    return found


def _measured(family: str, font: Any, *, kerned: bool) -> Typeface:
    em = font["head"].unitsPerEm
    advances = font["hmtx"].metrics
    os2 = font["OS/2"]
    return Typeface(
        family=family,
        advances={code: advances[glyph][0] / em for code, glyph in font.getBestCmap().items()},
        ascent=os2.usWinAscent / em,
        descent=os2.usWinDescent / em,
        cap_height=(getattr(os2, "sCapHeight", 0) or 0.7 * em) / em,
        kerning=_kerning(font) if kerned else {},
        forms=_forms(font) if _ARABIC in font.getBestCmap() else {},
    )


def _forms(font: Any) -> Mapping[int, tuple[float, float, float]]:
    """Widths of the initial, medial and final forms of letters that join, in em; 0 for a form that is not."""
    em, advances = font["head"].unitsPerEm, font["hmtx"].metrics
    glyphs = font.getBestCmap()
    table = font["GSUB"].table
    swaps: dict[str, dict[str, str]] = {"init": {}, "medi": {}, "fina": {}}
    for record in table.FeatureList.FeatureRecord:
        for index in record.Feature.LookupListIndex if record.FeatureTag in swaps else ():
            for subtable in table.LookupList.Lookup[index].SubTable:
                inner = getattr(subtable, "ExtSubTable", subtable)
                swaps[record.FeatureTag].update(
                    getattr(inner, "mapping", {}) if inner.LookupType == 1 else {}
                )
    return {
        code: (
            advances[swaps["init"][glyph]][0] / em if glyph in swaps["init"] else 0.0,
            advances[swaps["medi"][glyph]][0] / em if glyph in swaps["medi"] else 0.0,
            advances[swaps["fina"][glyph]][0] / em,
        )
        for code, glyph in glyphs.items()
        if glyph in swaps["fina"]
    }


def _kerning(font: Any) -> Mapping[tuple[int, int], float]:
    """Pairs of letters that the font moves together or apart (GPOS ``kern``), in em.

    Only the letters and marks of Western Europe: pairs of all the others would take a second to read.
    """
    if "GPOS" not in font:
        return {}
    em = font["head"].unitsPerEm
    table = font["GPOS"].table
    wanted = {
        i
        for f in table.FeatureList.FeatureRecord
        if f.FeatureTag == "kern"
        for i in f.Feature.LookupListIndex
    }
    codes = {glyph: code for code, glyph in font.getBestCmap().items() if code in _KERNED}
    pairs: dict[tuple[int, int], float] = {}
    for index in sorted(wanted):
        for subtable in table.LookupList.Lookup[index].SubTable:
            inner = getattr(subtable, "ExtSubTable", subtable)
            if inner.LookupType == 2:
                for pair, advance in _pairs(inner, codes):
                    pairs.setdefault(pair, advance / em)
    return {pair: advance for pair, advance in pairs.items() if advance}


def _pairs(subtable: Any, codes: Mapping[str, int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Pairs of character codes with what the first's advance changes by, in font units."""
    firsts = [glyph for glyph in subtable.Coverage.glyphs if glyph in codes]
    if subtable.Format == 1:
        sets = dict(zip(subtable.Coverage.glyphs, subtable.PairSet, strict=True))
        for first in firsts:
            for record in sets[first].PairValueRecord:
                if record.SecondGlyph in codes:
                    yield (codes[first], codes[record.SecondGlyph]), _advance(record.Value1)
        return
    for first in firsts:
        row = subtable.Class1Record[subtable.ClassDef1.classDefs.get(first, 0)].Class2Record
        for second, code in codes.items():
            yield (codes[first], code), _advance(row[subtable.ClassDef2.classDefs.get(second, 0)].Value1)


def _advance(value: Any) -> int:
    return int(getattr(value, "XAdvance", 0) or 0)


def font_names() -> tuple[str, ...]:
    """Full names of the fonts that come with clipmill."""
    return tuple(sorted(_font_files()))
