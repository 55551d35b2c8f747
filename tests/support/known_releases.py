"""A catalog of releases that the test names: nothing is signed, nothing is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.catalog import Catalog, CatalogRelease, ProductReading, Reading, Signatures
from ota_server.errors import NotPublishedError

MADE_AT = datetime(2026, 5, 1, tzinfo=UTC)
KEY_ID = "ab" * 32


def release(product, version, **values):
    one = CatalogRelease(
        product=product,
        version=Version.parse(version),
        rollback_index=1,
        min_version=None,
        hardware_ids=("cam-v2",),
        advisories=(),
        notes="",
        created_at=MADE_AT,
        manifest_sha256="cd" * 32,
        size_bytes=1000,
        payload_bytes=100,
        slots=("rootfs",),
    )
    return replace(one, **values)


def advisory(name="CVE-2026-1234", fixed_in="1.1.0", severity=Severity.HIGH):
    return Advisory(name, severity, "Weak.", "Update.", Version.parse(fixed_in))


class _Sboms:
    """The only files that are read here."""

    def __init__(self):
        self.by_name = {}

    def read_small(self, name, most_bytes):
        if name not in self.by_name:
            raise NotPublishedError(f"{name} is not published")
        assert len(self.by_name[name]) <= most_bytes
        return self.by_name[name]


class KnownReleases(Catalog):
    """Of some products.

    Attributes:
        sboms: by the name of their file.
        failure: raised in place of an answer.
    """

    def __init__(self, *releases):
        files = _Sboms()
        super().__init__(files)
        self.sboms = files.by_name
        self.by_product = {}
        self.put(*releases)
        self.failure = None

    def put(self, *releases):
        for one in releases:
            self.by_product.setdefault(one.product, {})[one.version] = one

    def _current(self):
        if self.failure:
            raise self.failure
        expires_at = datetime.now(UTC) + timedelta(days=30)
        signatures = Signatures(1, (KEY_ID,), ())
        products = {
            name: ProductReading(dict(sorted(found.items())), expires_at, signatures)
            for name, found in self.by_product.items()
        }
        return Reading(b"", products, {}, {})
