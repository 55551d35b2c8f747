"""The tables of docs/reference/events.md, from the schemas themselves.

``PYTHONPATH=tests python -m support.event_tables`` prints what belongs into the page.
"""

from msgspec import inspect

from ota_server.journal.event_documents import DOCUMENTS

_WORDS = {
    inspect.StrType: "text",
    inspect.IntType: "number",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
}


def section(kind, schema) -> str:
    """One kind: what it means, its fields, and those of what is inside."""
    info = inspect.type_info(schema)
    parts = [f"## `{kind.value}`", schema.__doc__, _table(info)]
    parts += [
        f"{cls.__name__}: {_lower(cls.__doc__)}\n\n{_table(inspect.type_info(cls))}"
        for cls in _inside(info)
    ]
    return "\n\n".join(parts)


def sections() -> list[str]:
    return [section(kind, schema) for kind, schema in DOCUMENTS.items()]


def _table(info) -> str:
    rows = [(field.encode_name, *_described(field.type)) for field in info.fields]
    lines = ["| field | JSON | what it says |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {kind} | {text} |" for name, kind, text in rows)])


def _described(info) -> tuple[str, str]:
    text = info.extra_json_schema["description"]
    return _name(info.type), text


def _name(info) -> str:
    if isinstance(info, inspect.Metadata):
        return _name(info.type)
    if isinstance(info, inspect.UnionType):
        return " or ".join(map(_name, info.types))
    if isinstance(info, inspect.VarTupleType):
        return f"list of {_name(info.item_type)}"
    if isinstance(info, inspect.StructType):
        return info.cls.__name__
    return _WORDS[type(info)]


def _inside(info) -> list[type]:
    found: list[type] = []
    for field in info.fields:
        inner = field.type
        while isinstance(inner, inspect.Metadata | inspect.VarTupleType):
            inner = inner.type if isinstance(inner, inspect.Metadata) else inner.item_type
        if isinstance(inner, inspect.StructType):
            found += [inner.cls, *_inside(inner)]
    return found


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


if __name__ == "__main__":
    print("\n\n".join(sections()))
