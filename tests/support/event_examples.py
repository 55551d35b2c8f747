"""A document of each kind of event, made from its schema."""

import msgspec
from msgspec import inspect

from ota_server.journal.event_documents import DOCUMENTS

_PLAIN = {inspect.StrType: "text", inspect.IntType: 1, inspect.BoolType: True}


def example(kind) -> dict:
    return msgspec.to_builtins(_made(DOCUMENTS[kind]))


def _made(schema):
    fields = {field.encode_name: _value(field.type) for field in inspect.type_info(schema).fields}
    return msgspec.convert(fields, type=schema)


def _value(info):
    if isinstance(info, inspect.Metadata):
        return _value(info.type)
    if isinstance(info, inspect.UnionType):
        return _value(info.types[0])
    if isinstance(info, inspect.VarTupleType):
        return [_value(info.item_type)]
    if isinstance(info, inspect.StructType):
        return msgspec.to_builtins(_made(info.cls))
    return _PLAIN[type(info)]
