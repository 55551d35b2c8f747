"""The files of a server that speaks TLS with devices: its own, the device authority's, a factory's."""

import ssl
from datetime import UTC, datetime

from ota_server.authority import new_authority, new_server_certificate
from ota_server.settings import TlsFiles
from support.identities import Factory, Identity, make_device_authority
from support.tls_client import client_context

NOW = datetime.now(UTC)


class House:
    """Everything in one folder.

    Attributes:
        authority: certifies devices, and believes the factory.
        trust: what devices pin to know the server.
        authorities: whose client certificates are believed, for a proxy.
    """

    def __init__(self, folder, factory=None):
        self.folder = folder
        self.factory = factory or Factory.new(NOW)
        self.authority = make_device_authority(folder, factories=[self.factory], now=NOW)
        self.trust, self.authorities = folder / "ca.pem", folder / "device-authorities.pem"
        self.files = TlsFiles(folder / "server.pem", folder / "server.key")
        issuer = new_authority(NOW)
        server = new_server_certificate(issuer, ("127.0.0.1",), NOW)
        self.trust.write_bytes(issuer.certificate)
        self.files.certificate.write_bytes(server.certificate)
        self.files.key.write_bytes(server.key)
        self.authorities.write_text(self.authority.anchors.pem())

    def enrolled(self, name="cam-0001", now=NOW):
        """A device with a certificate of the device authority, and its PEM file."""
        identity = Identity.new(name)
        return identity, identity.write(self.folder, identity.certificate(self.authority, now).pem)

    def made_by(self, factory, name, **made):
        """A device with a certificate of a factory, and its PEM file."""
        identity = Identity.new(name)
        certificate = factory.make(identity.key, name, now=NOW, **made)
        return identity, identity.write(self.folder, ssl.DER_cert_to_PEM_cert(certificate))

    def client(self, identity=None, version=None):
        """TLS as a device speaks it, with or without a certificate."""
        return client_context(self.trust, identity, version)
