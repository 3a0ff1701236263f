"""The page that lists the attacks: made from the corpus, and up to date."""

import importlib.util
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_page_lists_what_the_corpus_holds():
    spec = importlib.util.spec_from_file_location("attacks", DOCS / "security" / "make_attack_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "attacks.md").read_text(encoding="utf-8") == module.page(), (
        "run python docs/security/make_attack_table.py"
    )
