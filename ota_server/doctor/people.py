"""Who may steer the fleet, whether anybody still looks, and whether they are told."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from sqlalchemy import Connection, Select, func, select

from ota_client.doctor.finding import Finding, error, note, warning
from ota_server.database.events_schema import deliveries, subscriptions
from ota_server.database.operators_schema import api_tokens, operator_grants, operators
from ota_server.doctor.finding import Code
from ota_server.doctor.setup import Setup
from ota_server.operators.account import Status
from ota_server.operators.role import ALL_PRODUCTS, Role

_AWAY: Final = timedelta(days=90)
_STUCK: Final = timedelta(hours=1)
_NAMED_MOST: Final = 5


def examine_people(setup: Setup) -> Iterator[Finding]:
    """Find accounts and tokens that nobody uses, and a fleet that nobody may steer."""
    with setup.read() as connection:
        people = setup.settings.operators
        if connection is None or people is None or not people.enabled:
            return
        yield from _examine_admins(connection)
        since = int((setup.now - _AWAY).timestamp())
        column = func.coalesce(operators.c.signed_in_at, operators.c.created_at)
        away = select(operators.c.name).where(
            operators.c.status != Status.DISABLED.value, column < since
        )
        if names := _names(connection, away):
            what = f"nobody signed in for {_AWAY.days} days as {names}"
            yield warning(Code.OPERATOR_AWAY, what, "`ota-server user disable NAME` for those who left")
        column = func.coalesce(api_tokens.c.used_at, api_tokens.c.created_at)
        now = int(setup.now.timestamp())
        unused = select(api_tokens.c.name).where(column < since, api_tokens.c.expires_at > now)
        if names := _names(connection, unused):
            what = f"nobody used the API tokens {names} for {_AWAY.days} days"
            yield note(Code.TOKEN_UNUSED, what, "`ota-server api-token withdraw` what is needed no more")


def _examine_admins(connection: Connection) -> Iterator[Finding]:
    admins = (
        select(func.count())
        .select_from(operator_grants.join(operators))
        .where(
            operators.c.status != Status.DISABLED.value,
            operator_grants.c.product == ALL_PRODUCTS,
            operator_grants.c.role == Role.ADMIN.value,
        )
    )
    count = connection.scalar(admins) or 0
    if not count:
        what = "nobody is an admin of all products: nobody can invite people or withdraw their rights"
        yield error(Code.ADMIN_MISSING, what, "`ota-server user invite NAME --grant admin:*`")
    elif count == 1:
        what = "one person alone is an admin of all products: who helps when that one is away?"
        yield note(Code.ADMIN_ALONE, what, "give a second person the role")


def examine_deliveries(setup: Setup) -> Iterator[Finding]:
    """Find webhooks and mails that do not arrive."""
    with setup.read() as connection:
        if connection is None:
            return
        joined = deliveries.join(subscriptions, deliveries.c.subscription_id == subscriptions.c.id)
        dead = select(subscriptions.c.name).select_from(joined).filter_by(status="active")
        dead = dead.where(deliveries.c.state == "dead").distinct()
        if names := _names(connection, dead):
            what = f"deliveries were given up for {names}"
            way_out = "`ota-server webhook deliveries` tells why; `resend` sends them again"
            yield warning(Code.DELIVERY_DEAD, what, way_out)
        since = int((setup.now - _STUCK).timestamp())
        stuck = select(subscriptions.c.name).where(subscriptions.c.failing_since < since)
        if names := _names(connection, stuck):
            what = f"nothing arrives at {names} for an hour or more"
            yield warning(Code.DELIVERY_STUCK, what, "look at the receiver; it is tried again meanwhile")


def _names(connection: Connection, query: Select[tuple[str]]) -> str:
    found = [str(row[0]) for row in connection.execute(query.limit(_NAMED_MOST + 1))]
    more = ", ..." if len(found) > _NAMED_MOST else ""
    return ", ".join(sorted(found)[:_NAMED_MOST]) + more
