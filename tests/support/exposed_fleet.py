"""Devices that run this and that, beside a catalog of releases that mend a weakness."""

from hashlib import sha256

from ota_client.formats.version import Version
from ota_client.manifest import Advisory, Severity
from ota_server.errors import NotFoundError
from ota_server.security.contents import read_new
from ota_server.security.exposure import exposed
from ota_server.security.importing import Document, import_all
from support.fleet import NOW, add_devices

ADVISORY = "CVE-2026-1"


class Listed:
    """A catalog of releases: by product, each version and where its list says the weakness is mended."""

    def __init__(self, **products):
        self._products = products
        self.bills = {}
        self.refused = {}

    def products(self):
        return tuple(self._products)

    def releases(self, product):
        if product in self.refused:
            raise self.refused[product]
        if product not in self._products:
            raise NotFoundError(product)
        return tuple(
            Listing(product, version, (advisory(fixed),) if fixed else (), self.bills.get(version))
            for version, fixed in self._products[product].items()
        )

    def release(self, product, version):
        for release in self.releases(product):
            if release.version == version:
                return release
        raise NotFoundError(f"{product} {version}")

    def read_sbom(self, release):
        return release.bill


class Listing:
    """A release of it."""

    def __init__(self, product, version, advisories, bill):
        self.product = product
        self.version = Version.parse(version)
        self.advisories = (advisory("0.1.0", "CVE-2020-9"), *advisories)
        self.bill = bill
        self.sbom = bill and Sha(bill)


class Sha:
    def __init__(self, bill):
        self.sha256 = sha256(bill).hexdigest()


def advisory(fixed_in, advisory_id=ADVISORY):
    fixed = Version.parse(fixed_in)
    return Advisory(advisory_id, Severity.HIGH, f"Overflow ({fixed_in})", "Update", fixed)


class ExposedFleet:
    """A database with devices in it."""

    def __init__(self, database):
        self.database = database

    def run(self, *versions, product="camera"):
        """Devices of a product that run these; None has not come yet."""
        with self.database.begin() as connection:
            for number, version in enumerate(versions):
                name = f"{product[:3]}-{number}"
                add_devices(connection, [name], product=product, running_version=version)

    def read(self, catalog, *, now=NOW):
        """What the catalog's releases are made of."""
        return read_new(self.database, catalog, now=now)

    def take(self, catalog, *files, force=False, now=NOW):
        """Import files."""
        documents = [Document.read(f"file-{number}", data) for number, data in enumerate(files)]
        with self.database.begin() as connection:
            return import_all(connection, catalog, documents, now=now, force=force)

    def exposed(self, catalog, advisory_id=ADVISORY, *, products=None):
        with self.database.read() as connection:
            return exposed(connection, catalog, advisory_id, products=products)
