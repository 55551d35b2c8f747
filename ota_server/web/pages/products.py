"""The products that a visitor may choose from."""

from ota_client.errors import OtaError
from ota_server.devices import version_counts
from ota_server.operations import products
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.operators.role import ALL_PRODUCTS


def products_of(desk: Desk) -> tuple[str, ...]:
    """Those that are published or have devices; for who sees not all, those that were granted."""
    if desk.products is not None:
        return tuple(sorted(desk.products))
    with_devices = {product for product, _ in version_counts.counted(desk.connection, products=None)}
    try:
        return tuple(sorted({*with_devices, *desk.catalog.products()}))
    except OtaError:
        # nothing published yet, or nothing that a device would trust: the pages of releases say so
        return tuple(sorted(with_devices))


def operated(desk: Desk) -> tuple[str, ...]:
    """Those for which the visitor may make groups and tokens, also before there is anything else."""
    named = {*desk.actor.grants} - {ALL_PRODUCTS}
    known = named | {one.name for one in products.listed(desk)}
    return tuple(sorted(name for name in known if desk.actor.may(Role.OPERATOR, name)))
