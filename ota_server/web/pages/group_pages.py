"""Groups of devices: the list, one of them, and the forms to make one and to change its query."""

from typing import Final

from ota_server.devices.groups import Matches
from ota_server.errors import ConflictError, InvalidError
from ota_server.operations import groups
from ota_server.operators.actor import Role
from ota_server.rollouts.rollouts_by_group import RolloutNumbers
from ota_server.web.pages.page import Answer, Drawn, Fields, Moved, Page, Visit, done
from ota_server.web.pages.products import operated
from ota_server.web.pages.slices import slice_of
from ota_server.web.pages.words import counted

_MEMBERS_SHOWN: Final = 20
_ROLLOUTS_SHOWN: Final = 10
_SAMPLE: Final = 12
_NO_ROLLOUTS: Final = RolloutNumbers(0, 0)


def listed(visit: Visit) -> Answer:
    """All groups."""
    numbers = groups.rollout_numbers(visit.desk)
    page = slice_of(groups.listed(visit.desk, product=visit.product), visit.query)
    items = tuple((group, numbers.get(group.id, _NO_ROLLOUTS)) for group in page.items)
    return Drawn("groups", {"page": page, "items": items, "query": visit.query})


def form(visit: Visit) -> Answer:
    """The form of a new one; once it has a query, whom that matches too."""
    query = visit.query
    if not query.text("query"):
        return _new(visit, query)
    try:
        found = groups.preview(visit.desk, query.text("product"), query.text("query"), limit=_SAMPLE)
    except InvalidError as e:
        return _new(visit, query, error=str(e))
    return _new(visit, query, found=found)


def create(visit: Visit) -> Answer:
    """Make it."""
    fields = visit.form
    try:
        with visit.desk.connection.begin_nested():
            made = groups.create(
                visit.desk, fields.text("product"), fields.text("name"), fields.text("query")
            )
    except (InvalidError, ConflictError) as e:
        return _new(visit, fields, error=str(e))
    return done(f"/groups/{made.product}/{made.name}", "group-made")


def _new(visit: Visit, fields: Fields, *, error: str = "", found: Matches | None = None) -> Drawn:
    given = {name: fields.text(name) for name in ("product", "name", "query")}
    values = {
        "given": given,
        "products": operated(visit.desk),
        "error": error,
        "wrong_field": _wrong_field(error) if error else "",
        "found": found,
    }
    return Drawn("group_new", values, 422 if error else 200)


def _wrong_field(error: str) -> str:
    """The field that a sentence is about: it begins with its name."""
    if error.startswith("group query"):
        return "query"
    return "product" if error.startswith("product:") else "name"


def show(visit: Visit) -> Answer:
    """One of them: its query, its rollouts, its first devices."""
    names = _names(visit)
    values = {
        "group": groups.find(visit.desk, *names),
        "members": groups.members(visit.desk, *names, limit=_MEMBERS_SHOWN),
        "rollouts": groups.rollouts(visit.desk, *names, limit=_ROLLOUTS_SHOWN),
    }
    return Drawn("group", values)


def edit_form(visit: Visit) -> Answer:
    """The form of another query; once it has one, who would come in and fall out."""
    text = visit.query.text("query")
    if not text:
        return _edit(visit, groups.find(visit.desk, *_names(visit)).query)
    return _edit(visit, text, is_previewed=True)


def edit(visit: Visit) -> Answer:
    """Give it the other query."""
    text = visit.form.text("query")
    try:
        with visit.desk.connection.begin_nested():
            groups.edit(visit.desk, *_names(visit), text)
    except InvalidError as e:
        return _edit(visit, text, error=str(e))
    return done(_path(visit), "group-edited")


def _edit(visit: Visit, text: str, *, is_previewed: bool = False, error: str = "") -> Drawn:
    product, name = _names(visit)
    group = groups.find(visit.desk, product, name)
    visit.desk.need(Role.OPERATOR, product)
    change = None
    if is_previewed:
        try:
            change = groups.preview_edit(visit.desk, product, name, text, limit=_SAMPLE)
        except InvalidError as e:
            error = str(e)
    values = {
        "group": group,
        "query_text": text,
        "change": change,
        "rollouts": groups.rollout_numbers(visit.desk).get(group.id, _NO_ROLLOUTS),
        "why_not": groups.why_not_edit(visit.desk, product, name),
        "error": error,
    }
    return Drawn("group_edit", values, 422 if error else 200)


def ask_remove(visit: Visit) -> Answer:
    """Say what a deletion does, and ask once more."""
    product, name = _names(visit)
    found = groups.find(visit.desk, product, name)
    visit.desk.need(Role.OPERATOR, product)
    values = {
        "title": f"Delete {name}",
        "crumbs": (("Groups", "/groups"), (name, _path(visit))),
        "effects": (
            f"Its name and query are forgotten: {found.query[:200]}",
            f"It has {counted(found.devices, 'device')} now; devices stay as they are.",
        ),
        "action": f"{_path(visit)}/delete",
        "button": "Delete the group",
        "back": _path(visit),
        "typed": "",
        "error": "",
        "asks_reason": False,
    }
    return Drawn("confirm", values)


def remove(visit: Visit) -> Answer:
    """Delete it."""
    groups.remove(visit.desk, *_names(visit))
    return Moved("/groups?done=group-gone")


def _names(visit: Visit) -> tuple[str, str]:
    return visit.path["product"], visit.path["name"]


def _path(visit: Visit) -> str:
    # the operation has found it: both are names, without anything that a path would take amiss
    return "/groups/{}/{}".format(*_names(visit))


_ONE: Final = "/groups/{product}/{name}"
PAGES: Final = (
    Page("GET", "/groups", listed, "Groups of devices, how many are in each, and their rollouts."),
    Page("GET", "/groups/new", form, "The form of a new group, and who would be in it."),
    Page("POST", "/groups", create, "Make it."),
    Page("GET", _ONE, show, "One group: its query, its rollouts, its first devices."),
    Page("GET", f"{_ONE}/edit", edit_form, "The form of another query: who comes in, who falls out."),
    Page("POST", f"{_ONE}/edit", edit, "Give it the other query; open rollouts follow."),
    Page("GET", f"{_ONE}/delete", ask_remove, "What it does, and whether it is meant."),
    Page("POST", f"{_ONE}/delete", remove, "Delete it; its devices stay."),
)
