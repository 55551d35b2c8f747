"""``ota-server advisory``: weaknesses, signed by our own or imported from others, and who has them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ota_client.cli.summaries import SummaryGroup
from ota_client.errors import ConfigError
from ota_client.formats.counted import agreed, counted
from ota_server.cli.console import Console, cell, printable, table
from ota_server.cli.group import FILE, fleet_options, yes_option
from ota_server.cli.pages import page_options, show_page

if TYPE_CHECKING:
    from ota_server.operations.security import ListedWeakness
    from ota_server.security.exposure import Exposure
    from ota_server.security.importing import Document, Imported
    from ota_server.security.weakness import Weakness


@click.group("advisory", cls=SummaryGroup)
def advisory_group() -> None:
    """Look at weaknesses, and import what others know of them. Nothing is fetched."""


@advisory_group.command("list")
@click.option("--text", default="", help="With this in the id or the summary.")
@click.option("--imported", is_flag=True, help="All that was imported, also what concerns nothing here.")
@page_options
@fleet_options
def list_command(console: Console, *, text: str, imported: bool, after: str | None, limit: int) -> None:
    """List the weaknesses of what is or was published, the worst first."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    if imported:
        if text:
            raise click.UsageError("expected --text without --imported: imports are listed by id")
        with console.desk() as desk:
            kept = security.imported(desk, after=after, limit=limit)
        heads = ("advisory", "document", "source", "severity", "modified", "summary")
        rows = [(i.id, i.document, i.source, i.severity, i.modified_at, i.summary) for i in kept.items]
        show_page(console, "documents", kept, table(heads, rows))
        return
    with console.desk(releases=True) as desk:
        page = security.weaknesses(desk, text=text, after=after, limit=limit)
    heads = ("advisory", "severity", "devices", "products", "sources", "summary")
    show_page(console, "advisories", page, table(heads, map(_row, page.items)))


def _row(one: "ListedWeakness") -> tuple[object, ...]:
    weakness = one.weakness
    facts = (weakness.id, weakness.severity, one.devices, one.products)
    return (*facts, weakness.sources, weakness.summary)


@advisory_group.command("show")
@click.argument("advisory", metavar="ADVISORY")
@click.option(
    "--days", type=click.IntRange(1, 1100), help="And who had it on each of so many last days."
)
@fleet_options
def show_command(console: Console, *, advisory: str, days: int | None) -> None:
    """Show what is known of ADVISORY: who says what, and which versions have it."""
    from ota_server.errors import NotFoundError  # noqa: PLC0415 - help must start fast
    from ota_server.operations import security  # noqa: PLC0415 - as above

    with console.desk(releases=True) as desk:
        documents = security.documents(desk, advisory)
        try:
            found = security.exposed(desk, advisory)
        except NotFoundError:
            # imported, and no release has it
            found = None
        history = security.exposed_over_time(desk, advisory, days=days) if days and found else ()
    lines = [*(exposure_lines(found) if found else [f"{advisory}: nothing here has it"])]
    lines += [f"{d.source} {d.document}: {cell(d.severity)}  {d.url}".rstrip() for d in documents]
    if history:
        rows = [(f"{day.day_at:%Y-%m-%d}", day.devices, day.unknown, day.of) for day in history]
        lines.append(table(("day", "devices", "unknown", "of"), rows))
    fields = {"exposure": found, "documents": [_fields(one) for one in documents], "history": history}
    console.show("\n".join(lines), fields)


def exposure_lines(found: "Exposure") -> list[str]:
    """Which versions have a weakness, in words."""
    weakness = found.weakness
    rows = [(v.product, v.version, v.devices, v.standing, v.components) for v in found.versions]
    fixed = [f"{product} {', '.join(map(str, of))}" for product, of in found.fixed_in.items()]
    runs = agreed(found.devices, "run")
    return [
        f"{weakness.id} {cell(weakness.severity)}: {weakness.summary}",
        *([f"what to do: {weakness.action}"] if weakness.action else []),
        *([f"fixed in {'; '.join(fixed)}"] if fixed else []),
        f"{found.devices} of {counted(found.of, 'device')} {runs} a version that has it",
        *([f"{found.unknown} on a version that nobody can tell of: no SBOM"] if found.unknown else []),
        *([table(("product", "version", "devices", "why", "components"), rows)] if rows else []),
    ]


def _fields(one: "Weakness") -> dict[str, object]:
    return {
        "document": one.document,
        "source": one.source.value,
        "severity": one.severity,
        "summary": one.summary,
        "action": one.action,
        "url": one.url,
        "withdrawn": one.withdrawn,
        "statements": one.statements,
        "notices": one.notices,
    }


@advisory_group.command("import")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILE)
@click.option("--force", is_flag=True, help="Replace what is newer.")
@fleet_options
def import_command(console: Console, *, files: tuple[Path, ...], force: bool) -> None:
    """Take OSV records and CSAF documents in, all FILEs or none, and say which releases have it."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast
    from ota_server.security import contents  # noqa: PLC0415 - as above

    documents = list(map(_read, files))
    with console.database() as database:
        contents.read_new(database, console.catalog(), now=console.now)
    with console.desk(write=True, releases=True) as desk:
        done = security.import_documents(desk, documents, force=force)
    _tell(console, done)


def _read(path: Path) -> "Document":
    from ota_server.security.importing import DOCUMENT_MOST_BYTES, Document  # noqa: PLC0415 - as above

    try:
        with path.open("rb") as file:
            # one more than is taken: the parser says that it is too long
            data = file.read(DOCUMENT_MOST_BYTES + 1)
    except OSError as e:
        raise ConfigError(f"{path} cannot be read: {e.strerror}") from e
    return Document.read(str(path), data)


def _tell(console: Console, done: "Imported") -> None:
    for notice in done.notices:
        click.echo(printable(f"note: {notice}"), err=True)
    rows = [
        (w.id, w.document, w.severity, done.matches.get(w.id, 0), w.summary) for w in done.weaknesses
    ]
    if rows:
        console.say(table(("advisory", "document", "severity", "releases", "summary"), rows))
    for weakness_id in done.kept:
        console.say(f"{weakness_id}: kept, what is here is newer (--force replaces it)")
    console.report(
        {
            "imported": [
                {"advisory": w.id, "document": w.document, "releases": done.matches.get(w.id, 0)}
                for w in done.weaknesses
            ],
            "kept": done.kept,
            "notices": done.notices,
        }
    )


@advisory_group.command("remove")
@click.argument("advisory", metavar="ADVISORY")
@yes_option
@fleet_options
def remove_command(console: Console, *, advisory: str) -> None:
    """Forget what was imported of ADVISORY; what our own releases say stays."""
    from ota_server.operations import security  # noqa: PLC0415 - help must start fast

    console.confirm(f"forget what was imported of {advisory}")
    with console.desk(write=True) as desk:
        documents = security.remove(desk, advisory)
    text = f"forgot {documents} document{'' if documents == 1 else 's'} of {advisory}"
    console.done(text, {"advisory": advisory, "documents": documents})
