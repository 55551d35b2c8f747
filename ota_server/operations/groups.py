"""Groups of devices, as people make and change them."""

from ota_server.database.product_lock import hold_product
from ota_server.devices import groups
from ota_server.devices.device import Device
from ota_server.devices.groups import Change, Group, Matches
from ota_server.errors import ForbiddenError
from ota_server.operations.desk import Desk
from ota_server.operators.actor import Role
from ota_server.page import Page
from ota_server.rollouts import rollout_view, rollouts_by_group
from ota_server.rollouts.rollout_view import Rollout
from ota_server.rollouts.rollouts_by_group import RolloutNumbers


def listed(desk: Desk, *, product: str | None = None) -> tuple[Group, ...]:
    """The groups that the actor sees, by product and name."""
    return groups.listed(desk.connection, products=desk.products, product=product)


def find(desk: Desk, product: str, name: str) -> Group:
    """One group.

    Raises:
        NotFoundError: there is no such group, or the actor does not see the product; as in all that
            follow.
    """
    desk.need(Role.VIEWER, product)
    return groups.find(desk.connection, product, name)


def members(
    desk: Desk, product: str, name: str, *, after: str | None = None, limit: int = 100
) -> Page[Device]:
    """A page of the devices in a group, in the order of their ids.

    Raises:
        InvalidError: the limit or the cursor cannot be one.
    """
    desk.need(Role.VIEWER, product)
    return groups.members(desk.connection, product=product, name=name, after=after, limit=limit)


def rollouts(
    desk: Desk, product: str, name: str, *, after: str | None = None, limit: int = 100
) -> Page[Rollout]:
    """The rollouts that were made for a group, the newest first.

    Raises:
        InvalidError: the limit or the cursor is none.
    """
    group = find(desk, product, name)
    return rollout_view.listed(
        desk.connection, products=desk.products, group_id=group.id, after=after, limit=limit
    )


def rollout_numbers(desk: Desk) -> dict[int, RolloutNumbers]:
    """How many rollouts there are for each group that the actor sees and that has any, by its id."""
    return rollouts_by_group.counted(desk.connection, products=desk.products)


def preview(desk: Desk, product: str, query: str, *, limit: int = 20) -> Matches:
    """Whom a query would match; nothing changes.

    Raises:
        InvalidError: the query or the limit is none.
    """
    desk.need(Role.VIEWER, product)
    return groups.preview(desk.connection, product=product, query=query, limit=limit)


def create(desk: Desk, product: str, name: str, query: str) -> Group:
    """Make a group. Needs an operator.

    Raises:
        InvalidError: the name or the query is none.
        ConflictError: the product has a group of this name.
    """
    desk.need(Role.OPERATOR, product)
    made = groups.create(desk.connection, product=product, name=name, query=query, now=desk.now)
    desk.note("group.create", f"{product}/{name}", product=product, query=made.query)
    return made


def preview_edit(desk: Desk, product: str, name: str, query: str, *, limit: int = 20) -> Change:
    """What another query would do to a group; nothing changes.

    Raises:
        InvalidError: the query or the limit is none.
    """
    desk.need(Role.VIEWER, product)
    return groups.preview_edit(desk.connection, product=product, name=name, query=query, limit=limit)


def why_not_edit(desk: Desk, product: str, name: str) -> str:
    """Why the actor could not edit it now; empty if nothing is in the way: for a page, beforehand."""
    group = find(desk, product, name)
    try:
        desk.need(Role.OPERATOR, product)
        desk.need_second(product, [group.id])
    except ForbiddenError as e:
        return str(e)
    return ""


def edit(desk: Desk, product: str, name: str, query: str) -> Group:
    """Give a group another query; its open rollouts follow. Needs an operator.

    Where rollouts need approval, and the group has an open one, it needs an approver who did not make
    it: it would widen what a second person agreed to.

    Raises:
        ForbiddenError: the actor made one of its rollouts.
        InvalidError: the query is none.
    """
    desk.need(Role.OPERATOR, product)
    # nobody makes a rollout for it between the look and the change
    hold_product(desk.connection, product)
    before = groups.find(desk.connection, product, name)
    desk.need_second(product, [before.id])
    made = groups.edit(desk.connection, product=product, name=name, query=query, now=desk.now)
    target = f"{product}/{name}"
    desk.note("group.edit", target, product=product, query=made.query, before=before.query)
    return made


def remove(desk: Desk, product: str, name: str) -> None:
    """Delete a group; its devices stay. Needs an operator.

    Raises:
        ConflictError: a rollout was made for it.
    """
    desk.need(Role.OPERATOR, product)
    groups.remove(desk.connection, product=product, name=name)
    desk.note("group.delete", f"{product}/{name}", product=product)
