"""Any bytes are a body, a query, a form or a path that the server's doors take, or one of our refusals.

python tests/fuzz/fuzz_operator_api.py -runs=10000
"""

import contextlib
import functools

from fuzzing import fuzz, watched

with watched():
    import msgspec
    from starlette.exceptions import HTTPException

    from ota_server.errors import InvalidError
    from ota_server.notify import webhook_address
    from ota_server.notify.mail_address import check_mail
    from ota_server.rollouts.windows import MaintenanceWindow
    from ota_server.web.api import query
    from ota_server.web.api.path import Paths
    from ota_server.web.api.table import ROUTES
    from ota_server.web.pages.page import Fields
    from ota_server.web.shapes import decode

_PATHS = Paths(ROUTES)
_DECODERS = [msgspec.json.Decoder(shape) for shape in {route.body for route in ROUTES if route.body}]
# to look at a shape takes longer than to read a query
query._lists_of = functools.cache(query._lists_of)
_QUERIES = list({route.query for route in ROUTES if route.query})


def target(data: bytes) -> None:
    for decoder in _DECODERS:
        with contextlib.suppress(InvalidError):
            decode(decoder, data)
    for shape in _QUERIES:
        with contextlib.suppress(InvalidError):
            query.read_query(shape, data)
    with contextlib.suppress(HTTPException):
        _PATHS.find("GET", b"/api/v1/devices/" + data)
    with contextlib.suppress(InvalidError):
        Fields.parse(data).integer("number")
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(InvalidError):
        assert webhook_address.parse(text, insecure_http=True).authority.isascii()
    with contextlib.suppress(InvalidError):
        check_mail(text)
    with contextlib.suppress(ValueError):
        MaintenanceWindow.parse(text)


if __name__ == "__main__":
    fuzz(target)
