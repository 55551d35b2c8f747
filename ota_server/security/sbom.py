"""A release's software bill of materials (SBOM): CycloneDX or SPDX, in JSON."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ota_server.errors import SbomError
from ota_server.security import cyclonedx, spdx
from ota_server.security.component import COMPONENTS_MOST, BillOfMaterials, Component
from ota_server.security.foreign import Foreign
from ota_server.security.purl import packages_of

SBOM_MOST_BYTES: Final = 16 * 1024 * 1024
_FORMS: Final = "CycloneDX JSON 1.4 to 1.7, or SPDX JSON 2.2 or 2.3"

_Read = Callable[[Foreign], tuple[Component | None, Iterator[Component]]]


def parse(data: bytes) -> BillOfMaterials:
    """Read an SBOM.

    Raises:
        SbomError: it is in no form that is read, a field is not what that form says, or it is too large.
    """
    if data.lstrip()[:1] == b"<":
        raise SbomError(f"SBOM: expected {_FORMS}, got XML; have your generator write JSON")
    document = Foreign.parse(data, most_bytes=SBOM_MOST_BYTES, what="SBOM", error=SbomError)
    form, read = _form(document)
    subject, found = read(document)
    components: dict[Component, None] = {}
    for component in found:
        components[_identified(component)] = None
        if len(components) > COMPONENTS_MOST:
            raise SbomError(f"SBOM: expected at most {COMPONENTS_MOST} components, got more")
    return BillOfMaterials(form, None if subject is None else _identified(subject), tuple(components))


def _form(document: Foreign) -> tuple[str, _Read]:
    if document.has("bomFormat"):
        version = document.text("specVersion", longest=32)
        if document.text("bomFormat", longest=64) == "CycloneDX" and version in cyclonedx.VERSIONS:
            return f"CycloneDX {version}", cyclonedx.read
        raise SbomError(f"SBOM: expected {_FORMS}, got CycloneDX {version!a}")
    if document.has("spdxVersion"):
        version = document.text("spdxVersion", longest=32)
        if version in spdx.VERSIONS:
            return version.replace("-", " "), spdx.read
        raise SbomError(f"SBOM: expected {_FORMS}, got {version!a}")
    if document.has("@graph") or document.has("@context"):
        raise SbomError(
            f"SBOM: expected {_FORMS}, got SPDX 3 (JSON-LD); have your generator write SPDX 2.3 or "
            "CycloneDX as well, and publish that with the next release"
        )
    raise SbomError(f"SBOM: expected {_FORMS}, got JSON without bomFormat and spdxVersion")


def _identified(component: Component) -> Component:
    """Without a package URL that is none: the component is shown, and never matched."""
    if component.purl:
        with suppress(ValueError):
            packages_of(component.purl)
            return component
    return replace(component, purl="")
