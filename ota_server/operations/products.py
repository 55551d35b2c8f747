"""Products: what there is of each, and the rules that an admin set for it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ota_client.errors import OtaError
from ota_client.formats.version import Version
from ota_server.catalog import Catalog
from ota_server.devices import groups, version_counts
from ota_server.errors import NotFoundError
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.rollouts import product_rules
from ota_server.rollouts.product_rules import ProductRules


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    Attributes:
        devices: how many there are.
        releases: how many are published.
        newest: the newest of them; None if there is none.
        problem: why devices would refuse what is published; empty if they would not.
        needs_approval: its rollouts need a second person's approval.
    """

    name: str
    devices: int
    releases: int
    newest: Version | None
    problem: str
    needs_approval: bool


def listed(desk: Desk) -> tuple[Product, ...]:
    """The products that the actor sees, by name: published, with devices, with groups, or with rules."""
    counted = version_counts.counted(desk.connection, products=desk.products)
    rules = product_rules.all_rules(desk.connection, products=desk.products)
    grouped = groups.listed(desk.connection, products=desk.products)
    names = {product for product, _ in counted} | {group.product for group in grouped} | {*rules}
    names |= {name for name in _published(desk.catalog) if desk.sees(name)}
    devices = {
        name: sum(number for (product, _), number in counted.items() if product == name)
        for name in names
    }
    return tuple(
        _product(desk.catalog, name, devices[name], rules.get(name, ProductRules()))
        for name in sorted(names)
    )


def find(desk: Desk, product: str) -> Product:
    """One product.

    Raises:
        NotFoundError: nothing is known of it, or the actor does not see it.
    """
    desk.need(Role.VIEWER, product)
    for one in listed(desk):
        if one.name == product:
            return one
    raise NotFoundError(f"expected a product that you may see, got {product[:80]!r}")


def is_known(desk: Desk, product: str) -> bool:
    """Whether there is a device, a group or a release of it: a mistyped name has none."""
    one = frozenset({product})
    return (
        any(version_counts.counted(desk.connection, products=one).values())
        or bool(groups.listed(desk.connection, products=one))
        or product in _published(desk.catalog)
    )


def set_rules(desk: Desk, product: str, rules: ProductRules) -> ProductRules:
    """Set a product's rules. Needs an admin of the product.

    Raises:
        NotFoundError: the actor does not see the product.
        InvalidError: a product cannot be called that.
    """
    desk.need(Role.ADMIN, product)
    product_rules.put_rules(desk.connection, product, rules)
    desk.note("product.set", product, product=product, needs_approval=rules.needs_approval)
    return rules


def _published(catalog: Catalog) -> Iterator[str]:
    """None while the published files cannot be read: devices and rules are there nevertheless."""
    try:
        yield from catalog.products()
    except OtaError:
        return


def _product(catalog: Catalog, name: str, devices: int, rules: ProductRules) -> Product:
    problem = ""
    releases: tuple[Version, ...] = ()
    try:
        releases = tuple(release.version for release in catalog.releases(name))
    except NotFoundError:
        problem = "nothing is published for it"
    except OtaError as e:
        problem = str(e)
    newest = releases[-1] if releases else None
    return Product(name, devices, len(releases), newest, problem, rules.needs_approval)
