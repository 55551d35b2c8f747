"""The tables of what runs where and what is known of it. Times are whole seconds since 1970, UTC."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from ota_server.database.metadata import metadata

# how many devices run what, kept in the transaction that changes it: pages cost the same for any fleet
version_counts = Table(
    "version_counts",
    metadata,
    Column("product", String(64), primary_key=True),
    # empty before the first check-in
    Column("version", String(64), primary_key=True),
    Column("devices", Integer, nullable=False),
)

# the same at the end of each day (UTC), for what was exposed when
version_history = Table(
    "version_history",
    metadata,
    Column("product", String(64), primary_key=True),
    # the day's first second
    Column("day_at", BigInteger, primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("devices", Integer, nullable=False),
)

# what a published release is made of, from its signed SBOM; it stays when the release is retired
release_components = Table(
    "release_components",
    metadata,
    Column("product", String(64), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("sbom_sha256", String(64), nullable=False),
    # JSON of ota_server.security.component.BillOfMaterials; empty if the SBOM cannot be read
    Column("bill", Text, nullable=False),
    # why it cannot be read
    Column("refusal", Text, nullable=False, server_default=""),
    Column("read_at", BigInteger, nullable=False),
)

# what imported OSV and CSAF files say; several may speak of one weakness
weaknesses = Table(
    "weaknesses",
    metadata,
    # such as CVE-2026-1234
    Column("id", String(64), primary_key=True),
    # the file's own id, such as GHSA-... or a CSAF tracking id
    Column("document", String(200), primary_key=True),
    # osv, csaf
    Column("source", String(8), nullable=False),
    # none, low, medium, high, critical; empty if the source does not say
    Column("severity", String(16), nullable=False),
    Column("summary", Text, nullable=False),
    # what to do about it; empty if the source does not say
    Column("action", Text, nullable=False),
    # by the source; 0 if it does not say
    Column("modified_at", BigInteger, nullable=False),
    # JSON of ota_server.security.weakness.Weakness
    Column("content", Text, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
)

# the packages that a weakness' documents speak of: who reads an SBOM needs only those
weakness_packages = Table(
    "weakness_packages",
    metadata,
    # type, namespace and name of a package URL
    Column("package", String(255), primary_key=True),
    Column("weakness_id", String(64), primary_key=True, index=True),
)

# which releases have a component with the weakness, by all that the documents say
weakness_matches = Table(
    "weakness_matches",
    metadata,
    Column("weakness_id", String(64), primary_key=True),
    Column("product", String(64), primary_key=True),
    Column("version", String(64), primary_key=True),
    # the component's package URL without its qualifiers
    Column("component", String(255), primary_key=True),
    Index(None, "product", "version"),
)
