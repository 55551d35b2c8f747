import pytest
from support.people import PASSWORD, quick_passwords

from ota_server.errors import InvalidError
from ota_server.operators.password import Passwords, check_password


def test_a_hash_is_argon2id_salted_and_as_costly_as_rfc_9106_recommends():
    # one hash alone: each costs a tenth of a second
    passwords, quick = Passwords(), quick_passwords()
    assert passwords._decoy.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.is_outdated(passwords._decoy)
    assert quick.hash(PASSWORD) != quick.hash(PASSWORD)
    assert passwords.is_outdated(quick.hash(PASSWORD))


def test_two_forms_of_one_character_are_one_password():
    passwords = quick_passwords()
    assert passwords.matches(passwords.hash("Käse und Brot!"), "Ka\u0308se und Brot!")


@pytest.mark.parametrize(
    "other", ["", PASSWORD[:-1], PASSWORD.upper(), PASSWORD + " ", "\ud800", "x" * 10**6]
)
def test_another_password_does_not_match(other):
    passwords = quick_passwords()
    assert not passwords.matches(passwords.hash(PASSWORD), other)


@pytest.mark.parametrize("kept", ["", "junk", "$argon2id$junk"])
def test_where_no_password_is_kept_none_matches(kept):
    for password in ("", PASSWORD, kept):
        assert not quick_passwords().matches(kept, password)


@pytest.mark.parametrize(
    "password",
    [
        "four unlikely words here",
        "zq8!kd0-vvW2",
        "щи да каша — пища наша",
        "日本語のパスフレーズですよ",
        "the admin of this house",
        "a" + "Zx9?" * 60,
    ],
)
def test_good_passwords_are_taken_whatever_characters_are_in_them(password):
    check_password(password, "mia")


@pytest.mark.parametrize(
    ("password", "sentence"),
    [
        ("elevenchars", "12 to 256 characters, got 11"),
        ("x" * 257, "got 257"),
        ("aaaaaaaaaaaaaaaa", "common words"),
        ("abababababababab", "common words"),
        ("password12345", "common words"),
        ("Password123456", "common words"),
        ("qwertyuiop1234567890", "common words"),
        ("ratchetratchet", "common words"),
        ("welcomeadmin1", "common words"),
        ("mia.meier.mia.meier", "common words"),
        ("ｐａｓｓｗｏｒｄ1234", "common words"),  # noqa: RUF001 - a wide alphabet hides nothing
    ],
)
def test_guessable_passwords_are_not(password, sentence):
    with pytest.raises(InvalidError, match=sentence) as e:
        check_password(password, "mia.meier@example")
    assert password not in str(e.value)
