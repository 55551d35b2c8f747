"""What stands behind a path's ``?``: known names, each once, unless it is a list."""

from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec

from ota_server.web.shapes import FieldError, field_error

_FIELDS_MOST = 64

Q = TypeVar("Q")


def read_query(shape: type[Q] | None, raw: bytes) -> Q | None:
    """Read it.

    Raises:
        FieldError: a name is unknown or comes twice, or a value is not of the form that it has.
    """
    lists = _lists_of(shape)
    values: dict[str, str | list[str]] = {}
    for name, value in _pairs(raw):
        if name in lists:
            values.setdefault(name, []).append(value)  # type: ignore[union-attr] # lists of all such
        elif name in values:
            raise FieldError(f"${name!r}"[:64], "Expected it once, got it twice.")
        else:
            values[name] = value
    if shape is None:
        if values:
            raise FieldError("$", "Expected nothing behind the path, got a query.")
        return None
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as e:
        raise field_error(str(e)) from None


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=_FIELDS_MOST,
        )
    except ValueError:
        raise FieldError("$", "Expected name=value&name=value in UTF-8.") from None


def _lists_of(shape: type[Q] | None) -> set[str]:
    if shape is None:
        return set()
    kind = msgspec.inspect.type_info(shape)
    if not isinstance(kind, msgspec.inspect.StructType):
        return set()
    return {one.encode_name for one in kind.fields if _is_list(one.type)}


def _is_list(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        return any(map(_is_list, kind.types))
    return isinstance(kind, msgspec.inspect.ListType | msgspec.inspect.VarTupleType)
