"""Products and their rules."""

from typing import Final

from ota_server.operations import products
from ota_server.operators.actor import Role
from ota_server.rollouts.product_rules import ProductRules
from ota_server.web.api.route import PREFIX, Call, Route
from ota_server.web.api.shapes.products import (
    ProductAnswer,
    ProductsAnswer,
    RulesAnswer,
    RulesBody,
)

_ALL: Final = f"{PREFIX}/products"
_ONE: Final = f"{_ALL}/{{product}}"


def _listed(call: Call[None, None]) -> ProductsAnswer:
    return ProductsAnswer.whole(products.listed(call.desk))


def _found(call: Call[None, None]) -> ProductAnswer:
    return ProductAnswer.told(products.find(call.desk, call.text("product")))


def _ruled(call: Call[None, RulesBody]) -> RulesAnswer:
    rules = ProductRules(needs_approval=call.body.needs_approval)
    return RulesAnswer.told(products.set_rules(call.desk, call.text("product"), rules))


ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        "list_products",
        "The products that you see.",
        answer=ProductsAnswer,
        reads_releases=True,
        do=_listed,
    ),
    Route(
        "GET",
        _ONE,
        "show_product",
        "A product: its devices, its releases, its rules.",
        answer=ProductAnswer,
        reads_releases=True,
        do=_found,
    ),
    Route(
        "PUT",
        f"{_ONE}/rules",
        "set_product_rules",
        "Set a product's rules; rollouts that were made before keep their state.",
        body=RulesBody,
        answer=RulesAnswer,
        role=Role.ADMIN,
        changes=True,
        do=_ruled,
    ),
)
