"""What an operator decided for a whole product."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from ota_client.formats.strict import NAME_RULE, is_name
from ota_server.database.operators_schema import product_rules
from ota_server.database.put import put_row
from ota_server.database.scope import Products, within
from ota_server.errors import InvalidError


@dataclass(frozen=True, slots=True)
class ProductRules:
    """A product's rules, as they are until somebody decides.

    Attributes:
        needs_approval: a rollout needs a second person's approval.
    """

    needs_approval: bool = False


def rules_of(connection: Connection, product: str) -> ProductRules:
    """The rules of a product; those that nobody changed are the default."""
    row = connection.execute(select(product_rules).filter_by(product=product)).first()
    return ProductRules() if row is None else ProductRules(row.needs_approval)


def all_rules(connection: Connection, *, products: Products) -> dict[str, ProductRules]:
    """The rules that were set, by product."""
    wanted = select(product_rules).where(within(product_rules.c.product, products))
    return {row.product: ProductRules(row.needs_approval) for row in connection.execute(wanted)}


def put_rules(connection: Connection, product: str, rules: ProductRules) -> None:
    """Set a product's rules; rollouts that were made before keep their state.

    The default is no row: a rule for a name that was mistyped can be taken back.

    Raises:
        InvalidError: a product cannot be called that.
    """
    if not is_name(product):
        raise InvalidError(f"product: expected a name of {NAME_RULE}, got {product[:80]!r}")
    if rules == ProductRules():
        connection.execute(delete(product_rules).filter_by(product=product))
        return
    values = {"needs_approval": rules.needs_approval}
    put_row(connection, product_rules, {"product": product}, values)
