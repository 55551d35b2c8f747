import json

import pytest
from support.security_files import BUSYBOX, FIRMWARE, FLASK, OPENSSL, as_json, component, cyclonedx, spdx

from ota_server.errors import SbomError
from ota_server.security import sbom
from ota_server.security.component import Component
from ota_server.security.sbom import SBOM_MOST_BYTES, parse


@pytest.mark.parametrize("version", ["1.4", "1.5", "1.6", "1.7"])
def test_components_of_cyclonedx_are_read(version):
    bill = parse(cyclonedx(OPENSSL, FLASK, version=version))
    assert bill.form == f"CycloneDX {version}"
    assert bill.subject == Component("gateway", "1.0.0", FIRMWARE)
    assert bill.components == (
        Component("libssl3", "3.0.11-1~deb12u1", OPENSSL),
        Component("flask", "2.3.1", FLASK),
    )


def test_a_component_says_its_group_supplier_and_licence():
    full = component(
        FLASK,
        group="pallets",
        supplier={"name": "The   Pallets\nProjects", "url": ["https://example.org"]},
        licenses=[{"license": {"id": "BSD-3-Clause"}}, {"expression": "MIT OR Apache-2.0"}],
    )
    (found,) = parse(cyclonedx(components=[full])).components
    assert found == Component(
        "pallets/flask", "2.3.1", FLASK, "The Pallets Projects", "BSD-3-Clause AND MIT OR Apache-2.0"
    )


def test_components_within_components_are_read_and_doubles_are_not():
    inner = component(BUSYBOX, components=[component(FLASK)])
    bill = parse(cyclonedx(components=[component(FLASK), inner]))
    assert [one.purl for one in bill.components] == [FLASK, BUSYBOX]


@pytest.mark.parametrize("version", ["SPDX-2.2", "SPDX-2.3"])
def test_packages_of_spdx_are_read(version):
    bill = parse(spdx(OPENSSL, FLASK, version=version))
    assert (bill.form, bill.subject) == (version.replace("-", " "), Component("gateway", "1.0.0"))
    assert bill.components == (
        Component("libssl3", "3.0.11-1~deb12u1", OPENSSL, "Acme", "MIT"),
        Component("flask", "2.3.1", FLASK, "Acme", "MIT"),
    )


def test_in_spdx_2_2_a_list_names_what_is_described():
    bill = parse(spdx(FLASK, relationships=[], documentDescribes=["SPDXRef-root"]))
    assert bill.subject == Component("gateway", "1.0.0")
    assert parse(spdx(FLASK, relationships=[])).subject is None


def test_a_component_without_a_sound_package_url_is_listed_and_counted():
    parts = [component(FLASK), {"type": "library", "name": "blob"}, component("no-purl@1")]
    bill = parse(cyclonedx(components=parts))
    assert [one.purl for one in bill.components] == [FLASK, "", ""]
    assert bill.unidentified == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            as_json({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}),
            "SPDX 2.3",
        ),
        (cyclonedx(version="1.3"), "got CycloneDX '1.3'"),
        (spdx(version="SPDX-2.1"), "got 'SPDX-2.1'"),
        (b"<bom xmlns='http://cyclonedx.org/schema/bom/1.6'/>", "SPDX JSON 2.2 or 2.3, got XML"),
        (b"\n<?xml version='1.0'?>", "have your generator write JSON"),
        (b"SPDXVersion: SPDX-2.3", "expected JSON"),
        (b"{}", "without bomFormat"),
        (b"[]", "expected a table"),
        (b"\xff", "expected JSON"),
        (b'{"a": NaN}', "NaN, which is no JSON"),
        (b'{"a": 1, "a": 2}', "names a key twice"),
        (b"[" * 100_000, "nesting too deep"),
        (cyclonedx(components="none"), "components: expected a list"),
        (cyclonedx(components=[{"type": "library"}]), "name: expected a name"),
        (cyclonedx(components=[component(FLASK, version=5)]), "version: expected a text, got a number"),
        (cyclonedx(components=[component(FLASK, version="9" * 200)]), "at most 128 characters"),
        (cyclonedx(components=[component(FLASK, name="\ud800")]), "whole characters"),
        (cyclonedx(components=[component(FLASK, name="a\0")]), "without NUL"),
        (b" " * (SBOM_MOST_BYTES + 1), f"at most {SBOM_MOST_BYTES} bytes"),
    ],
)
def test_what_is_not_an_sbom_is_refused_in_a_sentence(data, message):
    with pytest.raises(SbomError, match=message) as caught:
        parse(data)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_too_many_components_are_refused(monkeypatch):
    monkeypatch.setattr(sbom, "COMPONENTS_MOST", 10)
    many = [{"name": str(number)} for number in range(11)]
    with pytest.raises(SbomError, match="at most 10 components"):
        parse(cyclonedx(components=many))


def test_components_too_deep_within_each_other_are_refused():
    nested = component(FLASK)
    for _ in range(20):
        nested = component(FLASK, components=[nested])
    with pytest.raises(SbomError, match="within each other"):
        parse(cyclonedx(components=[nested]))


def test_fractions_and_unknown_fields_do_no_harm():
    value = json.loads(cyclonedx(FLASK)) | {"x": [1.5, {"y": 10**400}], "serialNumber": None}
    assert parse(as_json(value)).components == parse(cyclonedx(FLASK)).components
