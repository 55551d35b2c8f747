import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from pages import DOCS, ROOT, all_pages, read, rows, section

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"`((?:ota_client|ota_server|signing|tests|docs)/[\w./-]*)`")
ID = re.compile(r"[A-D]\d\d")


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that hosts make of headings: lower case, no punctuation, blanks become hyphens."""
    found: set[str] = set()
    for title in re.findall(r"^#+ (.*)$", FENCE.sub("", read(page)), re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower())
        found.add(plain.replace(" ", "-"))
    return found


def broken_links(page: Path) -> list[str]:
    broken = []
    for target in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(f"{page.relative_to(ROOT)}: {target}")
    return broken


def test_every_link_leads_somewhere():
    assert [link for page in all_pages() for link in broken_links(page)] == []


def test_every_path_that_is_named_exists():
    named = [
        f"{page.relative_to(ROOT)}: {path}"
        for page in all_pages()
        for path in PATH.findall(FENCE.sub("", read(page)))
        if not (ROOT / path).exists()
    ]
    assert named == []


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
        f"{part}{n:02}"
        for part, last in (("A", 34), ("B", 15), ("C", 12), ("D", 14))
        for n in range(1, last + 1)
    ]


def test_every_threat_names_a_test_that_names_it():
    for id_, *_, tests in threats():
        files = [(DOCS / "explanation" / target).resolve() for target in LINK.findall(tests)]
        assert files, id_
        for file in files:
            assert file.is_relative_to(ROOT / "tests"), id_
            named = re.search(rf"\b{id_}\b|_{id_.lower()}_", f"{file.name}\n{read(file)}")
            assert named, (id_, file)


def test_the_four_parts_of_owasp_iot_4_name_their_tests():
    page = DOCS / "explanation" / "owasp-iot-4.md"
    parts = rows(read(page))[2:]
    assert len(parts) == 4
    for cells in parts:
        files = LINK.findall(cells[-1])
        assert files
        assert all((page.parent / file).resolve().is_relative_to(ROOT / "tests") for file in files)
