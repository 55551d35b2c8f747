"""CycloneDX JSON, 1.4 to 1.7 (ECMA-424): the components of an SBOM."""

from collections.abc import Iterator
from typing import Final

from ota_server.security.component import NAME_LONGEST, PURL_LONGEST, VERSION_LONGEST, Component
from ota_server.security.foreign import Foreign

VERSIONS: Final = ("1.4", "1.5", "1.6", "1.7")
_DEEPEST: Final = 16
_LIST_MOST: Final = 100_000
_LICENCES_MOST: Final = 100


def read(bom: Foreign) -> tuple[Component | None, Iterator[Component]]:
    """The release itself, and what it is made of, also what is nested.

    Raises:
        OtaError: as ``bom`` says: a field is not what the specification says, or too large.
    """
    metadata = bom.table("metadata")
    subject = _component(metadata.table("component")) if metadata.has("component") else None
    return subject, _components(bom, depth=0)


def _components(owner: Foreign, depth: int) -> Iterator[Component]:
    if depth > _DEEPEST:
        owner.fail("components", f"at most {_DEEPEST} within each other", "more")
    for fields in owner.tables("components", most=_LIST_MOST):
        yield _component(fields)
        yield from _components(fields, depth + 1)


def _component(fields: Foreign) -> Component:
    group, name = (fields.text(name, longest=NAME_LONGEST) for name in ("group", "name"))
    if not name:
        fields.fail("name", "a name", name)
    return Component(
        name=f"{group}/{name}" if group else name,
        version=fields.text("version", longest=VERSION_LONGEST),
        purl=fields.text("purl", longest=PURL_LONGEST),
        supplier=fields.table("supplier").words("name", longest=200)
        or fields.words("publisher", longest=200),
        licence=_licence(fields),
    )


def _licence(fields: Foreign) -> str:
    found = []
    for choice in fields.tables("licenses", most=_LICENCES_MOST):
        licence = choice.table("license")
        named = licence.words("id", longest=200) or licence.words("name", longest=200)
        found.append(named or choice.words("expression", longest=500))
    return " AND ".join(filter(None, found))[:500]
