"""Whose rows a query may see: the condition that every list over products' rows carries (B10)."""

from sqlalchemy import ColumnElement, true

# the products that somebody sees; None for all, also those to come
Products = frozenset[str] | None


def within(product: ColumnElement[str], products: Products) -> ColumnElement[bool]:
    """Whether a row is of one of these products."""
    return true() if products is None else product.in_(sorted(products))
