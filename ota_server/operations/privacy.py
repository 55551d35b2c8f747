"""What is kept about somebody, handed out and erased."""

from collections.abc import Mapping

from ota_server.errors import ConflictError
from ota_server.operations import devices
from ota_server.operations.desk import Desk
from ota_server.operators import account
from ota_server.operators.actor import ActorKind, Role
from ota_server.privacy import erasure, subject
from ota_server.privacy.erasure import ErasedOperator
from ota_server.privacy.subject import Rows


def export_device(desk: Desk, device_id: str) -> Mapping[str, Rows]:
    """All that is kept about a device and its owner, by table. Needs an admin of its product.

    Raises:
        NotFoundError: the actor sees no such device.
        ForbiddenError: the actor is no admin of its product.
    """
    found = devices.find(desk, device_id)
    desk.need(Role.ADMIN, found.product)
    desk.note("privacy.export-device", device_id, product=found.product)
    return subject.of_device(desk.connection, found.pk, found.device_id, found.product)


def export_operator(desk: Desk, name: str) -> Mapping[str, Rows]:
    """All that is kept about an operator, by table. Operators may ask for their own.

    Raises:
        NotFoundError: there is no such operator.
        ForbiddenError: it is another one, and the actor is no admin of all products.
    """
    if (desk.actor.kind, desk.actor.name) != (ActorKind.OPERATOR, name):
        desk.need_everywhere(Role.ADMIN)
    found = account.find(desk.connection, name)
    desk.note("privacy.export-operator", name)
    return subject.of_operator(desk.connection, found)


def erase_operator(desk: Desk, name: str) -> ErasedOperator:
    """Forget an operator, but for the audit log. Needs an admin of all products.

    Raises:
        NotFoundError: there is no such operator.
        ForbiddenError: the actor is no admin of all products.
        ConflictError: it is the actor: another admin erases it.
    """
    desk.need_everywhere(Role.ADMIN)
    found = account.find(desk.connection, name)
    if found.id == desk.actor.operator_id:
        raise ConflictError("expected another operator, got yourself: another admin erases you")
    erased = erasure.erase_operator(desk.connection, found)
    # the pseudonym, so that this entry does not name whom it forgets
    desk.note("privacy.erase-operator", erased.pseudonym)
    return erased


def note_retention(desk: Desk, removed: Mapping[str, int]) -> None:
    """Write down that a person had removed what was kept long enough. Needs an admin of all products.

    It is done in many transactions, as by the running server, before this one.

    Args:
        desk: who asked for it.
        removed: how many rows, by table.

    Raises:
        ForbiddenError: the actor is no admin of all products.
    """
    desk.need_everywhere(Role.ADMIN)
    if any(removed.values()):
        desk.note("privacy.retain", "", removed=dict(removed))
