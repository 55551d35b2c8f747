"""Products: what there is of each, and the rules that its admins set."""

from typing import Final

from ota_server.errors import InvalidError
from ota_server.operations import groups, products, rollouts
from ota_server.rollouts.product_rules import ProductRules
from ota_server.rollouts.states import OPEN_ROLLOUTS
from ota_server.web.pages.page import Answer, Drawn, Page, Visit, done


def listed(visit: Visit) -> Answer:
    """All that the visitor sees."""
    return Drawn("products", {"items": products.listed(visit.desk)})


def show(visit: Visit) -> Answer:
    """One of them, and its rules."""
    found = products.find(visit.desk, visit.path["product"])
    values = {
        "product": found,
        "open_rollouts": rollouts.listed(
            visit.desk, product=found.name, states=OPEN_ROLLOUTS, limit=1
        ).total,
        "groups": len(groups.listed(visit.desk, product=found.name)),
    }
    return Drawn("product", values)


def set_rules(visit: Visit) -> Answer:
    """Decide whether a rollout waits for a second person."""
    name, wanted = visit.path["product"], visit.form.text("needs_approval")
    products.find(visit.desk, name)
    if wanted not in {"yes", "no"}:
        raise InvalidError(f"needs_approval: expected yes or no, got {wanted[:40]!r}")
    products.set_rules(visit.desk, name, ProductRules(needs_approval=wanted == "yes"))
    return done(f"/products/{name}", "rules-set")


PAGES: Final = (
    Page("GET", "/products", listed, "Products: devices, releases, and whether rollouts need approval."),
    Page("GET", "/products/{product}", show, "One product, and its rules."),
    Page("POST", "/products/{product}/rules", set_rules, "Whether its rollouts need a second person."),
)
