"""The project's Markdown pages, and their tables."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"


def all_pages() -> list[Path]:
    """Every page that a reader may open: those at the top, and those below docs/."""
    return sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of its level or above."""
    level = heading.split(" ", maxsplit=1)[0]
    lines = text.splitlines()
    start = lines.index(heading) + 1
    for number in range(start, len(lines)):
        marks, _, title = lines[number].partition(" ")
        if title and set(marks) == {"#"} and len(marks) <= len(level):
            return "\n".join(lines[start:number])
    return "\n".join(lines[start:])
