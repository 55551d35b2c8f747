"""B02: the repository's host is taken over, without keys, and the update server with it."""

from datetime import time

import pytest
from support.attacks import refused, unmoved
from support.fleet_server import MemoryFleetServer, join
from support.memory_repository import Release, signer

from ota_client.agent import Agent, Surroundings
from ota_client.agent_settings import AgentSettings, Hooks
from ota_client.errors import MetadataError, OtaError
from ota_client.hooks import HookRunner

ROLES = ("root", "targets", "gateway", "snapshot", "timestamp")


def hijack(repository, *, own_root):
    """The host serves 9.0.0, signed by keys of its own; perhaps under a root of its own, too."""
    thief = repository.copy()
    for role in ROLES:
        thief.signers[role] = [signer("thief")]
    if own_root:
        for role in ("root", "targets", "snapshot", "timestamp"):
            thief.root.add_key(signer("thief").public_key, role)
        thief.publish_root()
    thief.put(Release("9.0.0", rollback_index=2))
    repository.files = thief.files


@pytest.mark.parametrize("own_root", [False, True])
def test_b02_a_host_without_keys_installs_nothing(device, repository, own_root):
    hijack(repository, own_root=own_root)
    with unmoved(device), refused(MetadataError, "was signed by 0/1 keys"):
        device.client.install()


def test_b02_nor_does_it_together_with_the_update_server(device, repository):
    server = MemoryFleetServer()
    member = join(device, server)
    surroundings = Surroundings(lambda _: False, lambda: 0.5, lambda: time(3))
    agent = Agent(device.client, AgentSettings(), HookRunner(Hooks(), {}), surroundings, member)
    agent.poll()
    hijack(repository, own_root=True)
    server.assignment = (7, "9.0.0")
    before = device.storage.files()
    with pytest.raises(OtaError):
        agent.poll()
    after = device.storage.files()
    assert {path for path in after if after[path] != before.get(path)} <= {
        path for path in after if "/state/reports." in path
    }
    assert (server.counted[-1]["state"], server.counted[-1]["code"]) == ("failed", "metadata")


def test_b02_an_honest_mirror_still_brings_the_release(device, repository):
    honest = dict(repository.files)
    hijack(repository, own_root=False)
    with pytest.raises(MetadataError):
        device.client.install()
    repository.files = honest
    assert device.client.install().installed
