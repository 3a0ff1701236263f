"""Text of strangers, made harmless to show: nothing in it moves a cursor, hides, or turns a line around."""

import re

_LINE_END = re.compile(r"\r\n?|\n")


def inert(text: str) -> str:
    r"""Return `text` with every character that is not printable written out, as `\x1b` or `\u202e`.

    Line ends of every kind become `\n`, so that a progress bar that goes back over its line can be read;
    tabs stay. Applied again, it changes nothing.
    """
    return "".join(map(_visible, _LINE_END.sub("\n", text)))


def _visible(character: str) -> str:
    if character in "\n\t" or character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def storable(text: str) -> str:
    """Return text without what a database cannot hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
