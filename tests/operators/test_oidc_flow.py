from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from oidc_house import URL, begin, finish, flow_of, settings_of
from support.identity_provider import ISSUER, IdentityProvider
from support.people import NOW

from ota_client.errors import ConfigError, FetchError
from ota_server.errors import SignInError
from ota_server.operators.oidc.flow import open_flow
from ota_server.operators.oidc.identity import Identity
from ota_server.operators.secret_box import make_key
from ota_server.settings import OperatorSettings


@pytest.fixture
def provider():
    return IdentityProvider(now=NOW)


@pytest.fixture
def flow(provider):
    return flow_of(provider)


def test_the_way_there_has_all_that_the_answer_is_compared_with(flow):
    one, other = flow.begin(NOW), flow.begin(NOW)
    query = {name: value for name, (value,) in parse_qs(urlsplit(one.url).query).items()}
    assert one.url.startswith(f"{ISSUER}/authorize?")
    assert query["redirect_uri"] == f"{URL}/sign-in/oidc/callback"
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert query["scope"].split()[0] == "openid"
    again = {name: value for name, (value,) in parse_qs(urlsplit(other.url).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        assert query[name] != again[name]
        assert len(query[name]) >= 43
    assert query["state"] not in one.cookie


def test_who_comes_back_is_known(flow, provider):
    going, back = begin(flow, provider)
    assert finish(flow, back, going.cookie).subject == "4711"


@pytest.mark.parametrize("cookie", [None, "", "x", "gAAAAA" + "A" * 5000])
def test_an_answer_that_this_browser_did_not_ask_for_is_refused(flow, provider, cookie):
    _, back = begin(flow, provider)
    with pytest.raises(SignInError, match="that this browser began"):
        finish(flow, back, cookie)
    assert not any(url.endswith("/token") for url in provider.asked)


def test_another_browser_s_answer_is_refused(flow, provider):
    mine, _ = begin(flow, provider)
    _, theirs = begin(flow, provider)
    for back in (theirs, theirs | {"state": ""}, {"code": theirs["code"]}, theirs | {"state": "\ud800"}):
        with pytest.raises(SignInError, match="that this browser began"):
            finish(flow, back, mine.cookie)


@pytest.mark.parametrize("later", [timedelta(minutes=11), -timedelta(minutes=1)])
def test_an_answer_is_waited_for_ten_minutes(flow, provider, later):
    going, back = begin(flow, provider)
    with pytest.raises(SignInError, match="within ten minutes"):
        finish(flow, back, going.cookie, NOW + later)


def test_an_answer_counts_once(flow, provider):
    going, back = begin(flow, provider)
    finish(flow, back, going.cookie)
    with pytest.raises(FetchError, match="got 401"):
        finish(flow, back, going.cookie)


def test_another_provider_s_answer_mixed_up_with_ours_is_refused(flow, provider):
    going, back = begin(flow, provider)
    with pytest.raises(SignInError, match="the configured issuer"):
        finish(flow, back | {"iss": "https://evil.example"}, going.cookie)
    finish(flow, back | {"iss": ISSUER}, going.cookie)


def test_a_stolen_code_is_worth_nothing_with_another_verifier(flow, provider):
    _, stolen = begin(flow, provider)
    mine, back = begin(flow, provider)
    with pytest.raises(FetchError, match="got 400"):
        finish(flow, back | {"code": stolen["code"]}, mine.cookie)


def test_what_the_provider_refuses_is_said_in_its_word(flow, provider):
    going, back = begin(flow, provider)
    with pytest.raises(SignInError, match=r"did not sign in: access_denied$"):
        finish(flow, back | {"error": "access_denied"}, going.cookie)
    with pytest.raises(SignInError, match=r"did not sign in: \?script\?x"):
        finish(flow, back | {"error": "<script>x"}, going.cookie)
    with pytest.raises(SignInError, match="no code"):
        finish(flow, {"state": back["state"]}, going.cookie)


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"], None, "basic"])
def test_the_secret_goes_where_the_provider_takes_it(provider, methods):
    if methods is not None:
        provider.document = {"token_endpoint_auth_methods_supported": methods}
    flow = flow_of(provider)
    going, back = begin(flow, provider)
    finish(flow, back, going.cookie)


def test_a_wrong_secret_is_the_provider_s_refusal_and_stands_in_no_sentence(provider):
    flow = flow_of(provider, secret="wrong one")
    going, back = begin(flow, provider)
    with pytest.raises(FetchError) as e:
        finish(flow, back, going.cookie)
    assert "wrong one" not in str(e.value)


def identity(claims, **named):
    return Identity.of({"sub": "1", **claims}, settings_of(IdentityProvider(), **named))


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (["cam-team"], {"cam": "operator"}),
        ("cam-team", {"cam": "operator"}),
        (["cam-leads", "cam-team", "it"], {"cam": "admin", "*": "viewer"}),
        (["cam-team", "cam-leads"], {"cam": "admin"}),
        (["others", 1, None], {}),
        ({"cam-team": True}, {}),
        (None, {}),
    ],
)
def test_roles_are_those_of_the_claim_and_the_highest_counts(groups, expected):
    assert identity({"groups": groups}).grants == expected


def test_without_a_role_claim_the_operator_keeps_what_he_has():
    assert identity({"groups": ["it"]}, role_claim="", grants=()).grants is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "mia"}, "mia"),
        ({"preferred_username": "Mia.Meier@Example.com"}, "mia.meier@example.com"),
        ({"preferred_username": "../../etc"}, "etc"),
        ({"preferred_username": "/etc"}, "etc"),
        ({"preferred_username": "x" * 100}, "x" * 64),
        ({}, "1"),
    ],
)
def test_names_are_made_plain(claims, name):
    assert identity(claims).name == name


@pytest.mark.parametrize(
    ("claims", "mail"),
    [
        ({"email": "mia@example.com", "email_verified": True}, "mia@example.com"),
        ({"email": "mia@example.com"}, ""),
        ({"email": "mia@example.com", "email_verified": "true"}, ""),
        ({"email": "not one", "email_verified": True}, ""),
        ({"email": 7, "email_verified": True}, ""),
    ],
)
def test_only_mail_that_the_provider_verified_is_taken(claims, mail):
    assert identity(claims).mail == mail


def test_the_secret_is_read_from_the_first_line_of_its_file(tmp_path, provider):
    secret_key, file = tmp_path / "key", tmp_path / "secret"
    secret_key.write_bytes(make_key(bytes(32)))
    file.write_text("hush hush\n# a remark\n")
    settings = OperatorSettings(
        secret_key=secret_key, oidc=settings_of(provider, client_secret_file=file)
    )
    flow = open_flow(settings, URL, fetch=provider)
    going, back = begin(flow, provider)
    assert finish(flow, back, going.cookie).subject == "4711"
    for wrong in ("", "\n"):
        file.write_text(wrong)
        with pytest.raises(ConfigError, match="a secret on the first line"):
            open_flow(settings, URL, fetch=provider)
    file.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_flow(settings, URL, fetch=provider)


def test_without_a_provider_in_the_settings_there_is_no_flow():
    assert open_flow(OperatorSettings(), URL) is None
