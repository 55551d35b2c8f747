"""docs/reference/pages.md has every page, and no other."""

import re
from pathlib import Path

from ota_server.web.pages.drawing import _FOLDER
from ota_server.web.pages.notices import NOTICES
from ota_server.web.pages.table import LIVE, OPEN_PAGES, PAGES, STATIC

DOCUMENT = Path(__file__).parents[2] / "docs/reference/pages.md"
CODE = _FOLDER.parent


def test_the_reference_lists_every_page_with_its_summary():
    rows = re.findall(r"^\| `(GET|POST) ([^`]+)` \| (.+?) \|$", DOCUMENT.read_text(), re.MULTILINE)

    known = [(page.method, page.path, page.summary) for page in (*OPEN_PAGES, *PAGES)]
    others = {(method, path) for method, path, _ in rows} - {(m, p) for m, p, _ in known}
    assert [row for row in rows if row[:2] not in others] == known
    assert others == {("GET", LIVE), ("GET", STATIC)}


def test_no_two_pages_answer_the_same_request():
    known = [(page.method, re.sub(r"{\w+}", "{}", page.path)) for page in (*OPEN_PAGES, *PAGES)]

    assert len(set(known)) == len(known)


def test_every_notice_is_said_somewhere():
    """What may stand behind ``done=`` is a name of a sentence of ours, never a text."""
    code = "".join(file.read_text() for file in CODE.glob("*.py") if file.name != "notices.py")

    said = {name for name in NOTICES if f'"{name}"' in code or f"done={name}" in code}
    assert set(NOTICES) == said


def test_every_template_is_drawn():
    text = "".join(file.read_text() for file in (*CODE.glob("*.py"), *_FOLDER.rglob("*.html")))

    for template in _FOLDER.rglob("*.html"):
        name = str(template.relative_to(_FOLDER)).removesuffix(".html")
        assert f'"{name}"' in text or f'"{name}.html"' in text, name
