"""SPDX JSON, 2.2 and 2.3 (ISO/IEC 5962 is 2.2.1): the packages of an SBOM."""

from collections.abc import Iterator
from typing import Final

from ota_server.security.component import NAME_LONGEST, PURL_LONGEST, VERSION_LONGEST, Component
from ota_server.security.foreign import Foreign

VERSIONS: Final = ("SPDX-2.2", "SPDX-2.3")
_DOCUMENT: Final = "SPDXRef-DOCUMENT"
_ID_LONGEST: Final = 512
_PACKAGES_MOST: Final = 100_000
_RELATIONSHIPS_MOST: Final = 500_000
_REFERENCES_MOST: Final = 1000
_NOT_SAID: Final = frozenset({"NOASSERTION", "NONE"})


def read(document: Foreign) -> tuple[Component | None, Iterator[Component]]:
    """The release itself, if the document describes one package alone, and what it is made of.

    Raises:
        OtaError: as ``document`` says: a field is not what the specification says, or too large.
    """
    described = _described(document)
    packages = list(document.tables("packages", most=_PACKAGES_MOST))
    ids = [package.text("SPDXID", longest=_ID_LONGEST) for package in packages]
    subject = described[0] if len(described) == 1 and len(packages) > 1 else None
    about = next((p for p, name in zip(packages, ids, strict=True) if name == subject), None)
    parts = (_package(p) for p in packages if p is not about)
    return None if about is None else _package(about), parts


def _described(document: Foreign) -> list[str]:
    """In 2.2 a list of its own, in 2.3 among the relationships (section 11)."""
    listed = document.texts("documentDescribes", most=_PACKAGES_MOST, longest=_ID_LONGEST)
    found = dict.fromkeys(listed)
    for relationship in document.tables("relationships", most=_RELATIONSHIPS_MOST):
        kind = relationship.text("relationshipType", longest=64)
        about = relationship.text("spdxElementId", longest=_ID_LONGEST)
        if kind == "DESCRIBES" and about == _DOCUMENT:
            found[relationship.text("relatedSpdxElement", longest=_ID_LONGEST)] = None
    return list(found)


def _package(fields: Foreign) -> Component:
    name = fields.text("name", longest=NAME_LONGEST)
    if not name:
        fields.fail("name", "a name", name)
    licences = (_said(fields, key) for key in ("licenseConcluded", "licenseDeclared"))
    return Component(
        name=name,
        version=fields.text("versionInfo", longest=VERSION_LONGEST),
        purl=_purl(fields),
        supplier=_said(fields, "supplier").removeprefix("Organization: ").removeprefix("Person: "),
        licence=next(filter(None, licences), ""),
    )


def _said(fields: Foreign, name: str) -> str:
    words = fields.words(name, longest=500)
    return "" if words in _NOT_SAID else words


def _purl(fields: Foreign) -> str:
    for reference in fields.tables("externalRefs", most=_REFERENCES_MOST):
        if reference.text("referenceType", longest=512) == "purl":
            return reference.text("referenceLocator", longest=PURL_LONGEST)
    return ""
