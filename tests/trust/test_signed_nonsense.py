"""Nonsense under a genuine signature, as a thief of keys would sign it: an error of ours, or no harm."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from securesystemslib.formats import encode_canonical
from support.forgery import ROLES, content, published, serve_as
from support.memory_repository import MemoryRepository, Release
from support.simulated import make_device

from ota_client import FetchError, VerificationError

NONSENSE = [
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "x",
    "..",
    "a" * 999,
    [],
    [[]],
    {},
    {"a": {}},
    [None],
    2**64,
    "\0",
]


def sound():
    repository = MemoryRepository()
    repository.put(Release("1.1.0", rollback_index=2))
    repository.publish_root()
    repository.publish()
    return repository


REPOSITORY = sound()
DOCUMENTS = {role: json.loads(published(REPOSITORY, role))["signed"] for role in ROLES}


def places(value, path=()):
    """Every place in a document, as keys and positions from its top."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        yield (*path, key)
        if isinstance(child, dict | list):
            yield from places(child, (*path, key))


PLACES = [(role, path) for role, document in DOCUMENTS.items() for path in places(document)]


def deface(document, path, how, nonsense):
    *parents, last = path
    for key in parents:
        document = document[key]
    if how == "replace":
        document[last] = nonsense
    elif how == "remove":
        del document[last]
    elif isinstance(document, list):
        document.append(nonsense)
    else:
        document[str(nonsense)] = document[last]


@given(
    place=st.sampled_from(PLACES),
    how=st.sampled_from(["replace", "remove", "add"]),
    nonsense=st.sampled_from(NONSENSE),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_device_refuses_it_or_goes_on(tmp_path_factory, place, how, nonsense):
    role, path = place
    signed = json.loads(json.dumps(DOCUMENTS[role]))
    deface(signed, path, how, nonsense)
    repository = REPOSITORY.copy()
    try:
        payload = encode_canonical(signed).encode()
    except Exception:  # noqa: BLE001 what cannot be signed is no attack
        return
    keys = repository.signers[role]
    signatures = [{"keyid": key.public_key.keyid, "sig": key.sign(payload).signature} for key in keys]
    data = json.dumps({"signatures": signatures, "signed": signed}).encode()
    serve_as(repository, role, data, content(repository, role).version)
    device = make_device(tmp_path_factory.mktemp("device"), repository)
    with suppress(VerificationError, FetchError):
        device.client.check()
    repository.files = REPOSITORY.files
    with suppress(VerificationError, FetchError):
        assert device.client.check().offered is not None
    device.client.status()
