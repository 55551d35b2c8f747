"""The products of a CSAF document (2.0, section 3.2.2), as far as package URLs name them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from ota_server.errors import InvalidError
from ota_server.security import vers
from ota_server.security.foreign import Foreign
from ota_server.security.purl import SYSTEM_TYPES, Package, read_purl

ID_LONGEST: Final = 1000
PRODUCTS_MOST: Final = 100_000
_DEEPEST: Final = 20
# a product that is part of one that is part of one
_RELATED_DEEPEST: Final = 4


@dataclass(frozen=True, slots=True)
class Product:
    """What one product id stands for.

    Attributes:
        package: None if no package URL says it; without a version it is any, or ``versions``.
        versions: a range, or empty.
        within: the product that it is part of, as key and version; empty for none.
        platform: it is part of something that no package URL names.
        cpe: of itself; a system's has its release.
    """

    package: Package | None
    versions: str = ""
    within: str = ""
    platform: bool = False
    cpe: str = ""


def products(tree: Foreign) -> dict[str, Product]:
    """All products by their ids.

    Raises:
        InvalidError: a field is not what CSAF says, or too large.
    """
    found: dict[str, Product] = {}
    for name in tree.tables("full_product_names", most=PRODUCTS_MOST):
        found[_id(name)] = _product(name, "", "")
    for product_id, product in _branches(tree, 0):
        found[product_id] = product
        if len(found) > PRODUCTS_MOST:
            tree.fail("branches", f"at most {PRODUCTS_MOST} products", "more")
    relationships = list(tree.tables("relationships", most=PRODUCTS_MOST))
    # a part may stand behind what it is part of
    for _ in range(_RELATED_DEEPEST):
        relationships = [one for one in relationships if not _relate(one, found)]
    return found


def _branches(owner: Foreign, depth: int) -> Iterator[tuple[str, Product]]:
    if depth > _DEEPEST:
        owner.fail("branches", f"at most {_DEEPEST} within each other", "more")
    for branch in owner.tables("branches", most=PRODUCTS_MOST):
        if branch.has("product"):
            category, name = (
                branch.text("category", longest=64),
                branch.text("name", longest=vers.LONGEST),
            )
            product = branch.table("product")
            yield _id(product), _product(product, category, name)
        yield from _branches(branch, depth + 1)


def _id(product: Foreign) -> str:
    return product.text("product_id", longest=ID_LONGEST)


def _product(fields: Foreign, category: str, name: str) -> Product:
    helper = fields.table("product_identification_helper")
    purl = helper.text("purl", longest=2048) or next(
        iter(helper.texts("purls", most=1000, longest=2048)), ""
    )
    cpe = helper.text("cpe", longest=2048)
    if not purl:
        return Product(None, cpe=cpe)
    try:
        package = read_purl(purl)
    except ValueError as e:
        raise InvalidError(f"CSAF document: product {_id(fields)[:80]!r}: purl: {e}") from e
    if package.version:
        return Product(package, cpe=cpe)
    if category == "product_version_range":
        return Product(package, versions=name, cpe=cpe)
    # some give a package's name there
    is_version = category == "product_version" and name.removeprefix("v")[:1].isdecimal()
    return Product(replace(package, version=name[:128]) if is_version else package, cpe=cpe)


def _relate(relationship: Foreign, found: dict[str, Product]) -> bool:
    """Make the product of a relationship, once both its sides are known."""
    part, whole = (
        found.get(relationship.text(name, longest=ID_LONGEST))
        for name in ("product_reference", "relates_to_product_reference")
    )
    if part is None or whole is None:
        return False
    full = relationship.table("full_product_name")
    own = _product(full, "", "")
    found[_id(full)] = _part_of(own if own.package else part, whole)
    return True


def _part_of(part: Product, whole: Product) -> Product:
    if part.package is None:
        return part
    if part.package.kind in SYSTEM_TYPES:
        # such a package belongs to its distribution: of the platform only the release matters
        release = part.package.release or release_of(whole.cpe)
        return replace(part, package=replace(part.package, release=release))
    if whole.package is None:
        return replace(part, platform=True)
    version = f"@{whole.package.version}" if whole.package.version else ""
    return replace(part, within=f"{whole.package.key}{version}")


def release_of(cpe: str) -> str:
    """Of ``cpe:/o:redhat:enterprise_linux:8`` and ``cpe:2.3:o:redhat:enterprise_linux:8:*`` it is 8."""
    fields = cpe.split(":")
    place = 5 if cpe.startswith("cpe:2.3:") else 4
    release = fields[place] if len(fields) > place else ""
    return release if release[:1].isdecimal() else ""
