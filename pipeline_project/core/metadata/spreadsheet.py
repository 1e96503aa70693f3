"""The text of a table that a person saved from a spreadsheet, and what separates its cells."""

import codecs

_SEPARATORS = ",;\t"
_HINT = "sep="


def text_of(data: bytes) -> str:
    """Decode UTF-8, or what Excel writes: UTF-16, or the Western code page."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def without_hint(text: str) -> str:
    """The table without `sep=;`, which Excel writes above it and does not show."""
    first, _, rest = text.lstrip().partition("\n")
    return rest if first.lower().startswith(_HINT) else text


def separator_of(text: str) -> str:
    """Comma, semicolon or tab: what the first line has most of; a comma where it has none."""
    return max(_SEPARATORS, key=text.partition("\n")[0].count)
