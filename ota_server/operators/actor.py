"""Who asks for something, and what that one may: the same for people, tokens and commands (B10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ota_server.operators.role import ALL_PRODUCTS, Role, held

__all__ = ("Actor", "ActorKind", "Role")


class ActorKind(StrEnum):
    """How the asker was recognised."""

    # a person who signed in
    OPERATOR = "operator"
    # a program with an API token
    TOKEN = "token"  # noqa: S105 - no secret
    # a command on the server's own machine, which can read the database anyway
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks.

    Attributes:
        name: of the operator, of the token, or of the machine's account.
        grants: the role by product; ``*`` is every product, also those to come. The higher one counts.
        operator_id: whose account it is, for a token whose it is; None for a command.
    """

    kind: ActorKind
    name: str
    grants: Mapping[str, Role]
    operator_id: int | None = None

    @classmethod
    def machine(cls, account: str) -> Self:
        """A command on the server's machine: it may everything."""
        return cls(ActorKind.MACHINE, account, {ALL_PRODUCTS: Role.ADMIN})

    @property
    def label(self) -> str:
        """For the records, such as ``operator:mia``."""
        return f"{self.kind}:{self.name}"

    @property
    def products(self) -> frozenset[str] | None:
        """The products that it sees; None for all."""
        return None if ALL_PRODUCTS in self.grants else frozenset(self.grants)

    def role_for(self, product: str) -> Role | None:
        """Its role for a product; None if it must not learn that there is such a product."""
        return held(self.grants, product)

    def may(self, role: Role, product: str) -> bool:
        """Whether it may do what needs ``role`` for ``product``."""
        mine = self.role_for(product)
        return mine is not None and mine.covers(role)

    def may_everywhere(self, role: Role) -> bool:
        """Whether it may do what concerns all products, such as managing people."""
        mine = self.grants.get(ALL_PRODUCTS)
        return mine is not None and mine.covers(role)
