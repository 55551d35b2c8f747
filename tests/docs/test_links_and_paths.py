import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from pages import DOCS, ROOT, all_pages, read, rows, section

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:ota_client|ota_server|signing|tests|docs)/[\w./-]*)`")
# the operators' side is not built yet
OPEN = {"B09", "B10", "B11", "B12", "B13"}
ID = re.compile(r"[A-D]\d\d")


def anchors(page: Path) -> set[str]:
    """The anchors that hosts make of headings: lower case, no punctuation, blanks become hyphens."""
    found: set[str] = set()
    for title in re.findall(r"^#+ (.*)$", FENCE.sub("", read(page)), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
        found.add(plain.replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    broken = []
    for target in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_is_named_exists(page):
    named = PATH.findall(FENCE.sub("", read(page)))
    assert not [path for path in named if not (ROOT / path).exists()]


def test_every_page_can_be_reached_from_the_index():
    seen, todo = set(), [DOCS / "index.md", ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or not page.exists():
            continue
        seen.add(page)
        links = (target.partition("#")[0] for target in LINK.findall(read(page)))
        todo += [(page.parent / link).resolve() for link in links if link.endswith(".md")]
    assert not set(all_pages()) - seen


def test_the_readme_says_where_things_are():
    table = rows(section(read(ROOT / "README.md"), "## Where is ..."))[2:]
    assert len(table) > 20
    assert all((ROOT / cells[1].strip("`")).exists() for cells in table)


def threats() -> list[list[str]]:
    found = rows(read(DOCS / "explanation" / "threat-model.md"))
    return [cells for cells in found if ID.fullmatch(cells[0])]


def test_the_threat_model_is_complete():
    ids = [cells[0] for cells in threats()]
    assert ids == [
        f"{part}{n:02}" for part, last in (("A", 34), ("B", 14), ("C", 12), ("D", 14)) for n in range(1, last + 1)
    ]


@pytest.mark.parametrize("cells", threats(), ids=lambda cells: cells[0])
def test_every_threat_names_a_test_that_names_it(cells):
    folder = DOCS / "explanation"
    files = [(folder / target).resolve() for target in LINK.findall(cells[-1])]
    assert files or cells[0] in OPEN
    for file in files:
        assert file.is_relative_to(ROOT / "tests")
        assert re.search(rf"\b{cells[0]}\b|_{cells[0].lower()}_", f"{file.name}\n{read(file)}")


def test_the_four_parts_of_owasp_iot_4_name_their_tests():
    page = DOCS / "explanation" / "owasp-iot-4.md"
    parts = rows(read(page))[2:]
    assert len(parts) == 4
    for cells in parts:
        files = LINK.findall(cells[-1])
        assert files
        assert all((page.parent / file).resolve().is_relative_to(ROOT / "tests") for file in files)
