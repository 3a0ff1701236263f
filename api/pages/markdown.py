"""Markdown of organizers as HTML that can do nothing: text, links, tables, and pictures of this site."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_TAGS = {
    *("p", "br", "hr", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"),
    *("em", "strong", "s", "a", "img", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "title"}, "ol": {"start"}}
_LOWEST = 6
_parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


@lru_cache(maxsize=64)
def to_html(text: str) -> Markup:
    """Return a text in Markdown as HTML; its headings come below those of the page it stands on."""
    tokens = _parser.parse(text)
    for token in tokens:
        _lower(token)
    unsafe = _parser.renderer.render(tokens, _parser.options, {})
    # The parser lets no HTML through; that it never did is not for it alone to promise.
    clean = nh3.clean(
        unsafe,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_keep,
        url_schemes={"http", "https", "mailto"},
        link_rel="nofollow noopener noreferrer",
    )
    return Markup(clean)  # noqa: S704  # sanitised above


def _lower(token: Token) -> None:
    if token.type in {"heading_open", "heading_close"}:
        token.tag = f"h{min(int(token.tag[1]) + 2, _LOWEST)}"


def _keep(tag: str, attribute: str, value: str) -> str | None:
    """Drop the address of a picture that is not on this site: it would tell others who looks at the page."""
    if (tag, attribute) == ("img", "src"):
        here = value.startswith("/") and not value.startswith(("//", "/\\"))
        return value if here else None
    return value
