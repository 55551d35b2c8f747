"""What one may do, and with which products. Settings read this too: it imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from ota_client.formats.strict import NAME_RULE, is_name

# every product, also those to come
ALL_PRODUCTS: Final = "*"


class Role(StrEnum):
    """What one may do with a product; each role may do all that the ones before it may."""

    # look
    VIEWER = "viewer"
    # make and steer rollouts, groups, tokens and devices
    OPERATOR = "operator"
    # approve what another asks for
    APPROVER = "approver"
    # people, rules, erasing, publishing
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """Higher may more."""
        return _RANKS[self]

    def covers(self, other: "Role") -> bool:
        """Whether this role may do what ``other`` may."""
        return self.rank >= other.rank


_RANKS: Final[Mapping[Role, int]] = {role: rank for rank, role in enumerate(Role)}

Grants = Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class Grant:
    """One role for one product, or with ``*`` for all."""

    role: Role
    product: str

    @classmethod
    def of(cls, role: str, product: str) -> Self:
        """Read both.

        Raises:
            ValueError: one of them is none.
        """
        if role not in set(Role):
            raise ValueError(f"expected a role of {', '.join(Role)}, got {role[:80]!r}")
        if product != ALL_PRODUCTS and not is_name(product):
            raise ValueError(f"expected a product ({NAME_RULE}) or *, got {product[:80]!r}")
        return cls(Role(role), product)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``operator:cam``; ``admin`` alone is ``admin:*``.

        Raises:
            ValueError: it is not of this form.
        """
        role, colon, product = text.partition(":")
        # `operator:$PRODUCT` without a PRODUCT must not be for all of them
        return cls.of(role, product if colon else ALL_PRODUCTS)


def held(grants: Grants, product: str) -> Role | None:
    """The role for a product; the higher one of its own and that for all counts."""
    found = (grants[name] for name in (product, ALL_PRODUCTS) if name in grants)
    return max(found, key=lambda role: role.rank, default=None)


def within(grants: Grants, bounds: Grants) -> dict[str, Role]:
    """What is left of ``grants`` for one who may no more than ``bounds``."""
    left: dict[str, Role] = {}
    for product in {*grants, *bounds}:
        one, other = held(grants, product), held(bounds, product)
        if one is not None and other is not None:
            left[product] = min(one, other, key=lambda role: role.rank)
    return left
