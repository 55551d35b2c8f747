"""Where an operation is done: who asks, when, and over which transaction."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection

from ota_server.catalog import Catalog
from ota_server.database.scope import Products, within
from ota_server.errors import ForbiddenError, NotFoundError
from ota_server.journal import audit
from ota_server.operators.actor import Actor, Role
from ota_server.rollouts import approval
from ota_server.rollouts.joining import rollouts_of
from ota_server.rollouts.product_rules import rules_of


@dataclass(frozen=True, slots=True)
class Desk:
    """One operation's surroundings.

    Attributes:
        connection: a transaction; one that writes for what changes something.
        actor: who asks.
        now: UTC, the operation's one reading of the clock.
        catalog: the published releases.
    """

    connection: Connection
    actor: Actor
    now: datetime
    catalog: Catalog

    @property
    def products(self) -> Products:
        """The products that the actor sees: for every list of the domain."""
        return self.actor.products

    def sees(self, product: str) -> bool:
        """Whether the actor may learn that there is such a product."""
        return self.actor.role_for(product) is not None

    def scope(self, product: str | None) -> Products:
        """One product, or all that the actor sees.

        Raises:
            NotFoundError: the actor must not even learn that the product is there (B10).
        """
        if product is None:
            return self.products
        self.need(Role.VIEWER, product)
        return frozenset({product})

    def need(self, role: Role, product: str) -> None:
        """Refuse what the actor may not do with a product.

        Raises:
            NotFoundError: the actor must not even learn that the product is there (B10).
            ForbiddenError: the actor sees the product, and this needs a higher role.
        """
        held = self.actor.role_for(product)
        if held is None:
            raise NotFoundError(f"expected a product that you may see, got {product[:80]!r}")
        if not held.covers(role):
            raise ForbiddenError(
                f"expected the role {role} for {product}, got {held}; an admin grants roles"
            )

    def need_everywhere(self, role: Role) -> None:
        """Refuse what concerns all products.

        Raises:
            ForbiddenError: the actor has not this role for all products.
        """
        check_everywhere(self.actor, role)

    def need_second(self, product: str, group_ids: Iterable[int]) -> None:
        """Refuse to let devices into groups by whose rollouts they would be updated (four eyes).

        Where the product's rollouts need approval it needs an approver who made none of these: what a
        second person agreed to is not widened, by a query nor by a tag.

        Raises:
            ForbiddenError: the actor is no approver, or made one of the rollouts.
        """
        concerned = [number for one in group_ids for number in rollouts_of(self.connection, one)]
        if not concerned or not rules_of(self.connection, product).needs_approval:
            return
        self.need(Role.APPROVER, product)
        for rollout_id in concerned:
            approval.check_second(self.connection, rollout_id, self.actor)

    def visible(self, product: ColumnElement[str]) -> ColumnElement[bool]:
        """The condition that every query over products' rows carries (B10)."""
        return within(product, self.products)

    def note(self, action: str, target: str, *, product: str = "", **detail: object) -> None:
        """Write into the audit log, in this transaction, who did what.

        Args:
            action: such as ``rollout.pause``.
            target: its name or id.
            product: whose; empty for what concerns none.
            detail: JSON values; never a secret.
        """
        entry = audit.Entry(self.actor.kind, self.actor.name, action, target, product, detail)
        audit.append(self.connection, entry, now=self.now)


def check_everywhere(actor: Actor, role: Role) -> None:
    """As ``Desk.need_everywhere``, for a door that asks before it takes a long body.

    Raises:
        ForbiddenError: the actor has not this role for all products.
    """
    if not actor.may_everywhere(role):
        raise ForbiddenError(
            f"expected the role {role} for all products, got less; an admin grants roles"
        )
