"""What a backup holds: a tar of tables as JSON lines, the device authority, and a list of it all.

manifest.json              the format, the schema's revision, and each member's size and sha256
tables/NAME.jsonl          a row a line, an array in the order of the manifest's columns
authority/device-ca.pem    and its key
"""

from dataclasses import dataclass
from typing import Final, Self

from ota_client.formats.strict import Fields, canonical_json, format_time, parse_canonical_json
from ota_server.errors import BackupError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
AUTHORITY: Final = "authority/device-ca.pem"
AUTHORITY_KEY: Final = "authority/device-ca.key"
_TABLES: Final = "tables/"
_ROWS: Final = ".jsonl"
MANIFEST_MOST_BYTES: Final = 1024 * 1024
_MEMBERS_MOST: Final = 1000


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a backup.

    Attributes:
        columns: of a table, in the order of each line.
        rows: of a table.
    """

    name: str
    size_bytes: int
    sha256: str
    columns: tuple[str, ...] = ()
    rows: int = 0

    @property
    def table(self) -> str | None:
        """The table whose rows it holds; None if it holds something else."""
        if not (self.name.startswith(_TABLES) and self.name.endswith(_ROWS)):
            return None
        return self.name.removeprefix(_TABLES).removesuffix(_ROWS)

    def to_fields(self) -> dict[str, object]:
        """As JSON fields."""
        return {
            "name": self.name,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "columns": list(self.columns),
            "rows": self.rows,
        }

    @classmethod
    def read(cls, table: Fields) -> Self:
        """Read the fields strictly."""
        member = cls(
            table.text("name", longest=100),
            table.integer("size_bytes"),
            table.sha256("sha256"),
            table.texts("columns", most=100),
            table.integer("rows"),
        )
        table.finish()
        return member


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of a backup's contents.

    Attributes:
        schema: the revision of the database that it was made of.
        created_at: UTC, as text.
    """

    schema: str
    created_at: str
    members: tuple[Member, ...]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(member.rows for member in self.members)

    def to_bytes(self) -> bytes:
        """Write it in the one form that ``parse`` takes."""
        return canonical_json(
            {
                "format": FORMAT,
                "schema": self.schema,
                "created_at": self.created_at,
                "members": [member.to_fields() for member in self.members],
            }
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read it strictly.

        Raises:
            BackupError: it is no manifest, or of a newer format.
        """
        value = parse_canonical_json(
            data, max_bytes=MANIFEST_MOST_BYTES, what=MANIFEST, error=BackupError
        )
        fields = Fields(value, MANIFEST, BackupError)
        if (found := fields.integer("format")) != FORMAT:
            raise BackupError(
                f"expected a backup of format {FORMAT}, got {found}: a newer ota-server made it"
            )
        manifest = cls(
            fields.text("schema", longest=32),
            format_time(fields.time("created_at")),
            tuple(map(Member.read, fields.tables("members", most=_MEMBERS_MOST))),
        )
        fields.finish()
        return manifest


def rows_of(table: str) -> str:
    """The member that holds a table's rows."""
    return f"{_TABLES}{table}{_ROWS}"
