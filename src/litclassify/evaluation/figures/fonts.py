"""Glyphs for names in any script, from the fonts that are installed."""

from functools import cache

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

# With Chinese, Japanese and Korean, which matplotlib's own font lacks; of Linux, of macOS, of Windows.
FURTHER_FAMILIES = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans CJK TC", "Source Han Sans SC"),
    *("Source Han Sans JP", "Source Han Sans KR", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR", "Noto Sans TC"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "IPAexGothic", "IPAGothic", "VL Gothic"),
    *("TakaoGothic", "NanumGothic", "NanumBarunGothic", "UnDotum", "Unifont"),
    *(
        "PingFang SC",
        "PingFang HK",
        "Hiragino Sans GB",
        "Hiragino Sans",
        "Heiti TC",
        "Songti SC",
        "Apple SD Gothic Neo",
    ),
    *("AppleGothic", "Arial Unicode MS"),
    *("Microsoft YaHei", "Microsoft JhengHei", "SimHei", "SimSun", "Yu Gothic", "Meiryo", "MS Gothic", "Malgun Gothic"),
)


def drawable(character: str) -> str:
    """Give a character, or its code where no font has a glyph for it."""
    return character if _family_of(character) else character.encode("unicode_escape").decode()


def set_fonts(figure: Figure) -> None:
    """Let the texts of a figure take glyphs from the fonts that have them."""
    texts = [text for text in figure.findobj(Text) if isinstance(text, Text)]
    characters = set("".join(text.get_text() for text in texts)) - {"\n"}
    needed = set(map(_family_of, characters))
    families = [family for family in _families() if family in needed or family in rcParams["font.family"]]
    for text in texts:
        text.set_fontfamily(families)


@cache
def _family_of(character: str) -> str | None:
    """Give the first family that has a glyph; None if there is none."""
    return next((family for family in _families() if _has_glyph(family, character)), None)


@cache
def _families() -> tuple[str, ...]:
    """Give the families that are installed, the usual ones first."""
    installed = {font.name for font in fontManager.ttflist}
    return (*rcParams["font.family"], *(family for family in FURTHER_FAMILIES if family in installed))


def _has_glyph(family: str, character: str) -> bool:
    font = get_font(findfont(FontProperties(family=[family])))
    return font.get_char_index(ord(character)) > 0
