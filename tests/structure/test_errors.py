"""The tree of errors: families, stable codes, exit codes (docs/reference/errors.md)."""

from ota_client import errors
from ota_client.errors import OtaError

EXIT_CODES = {
    "FetchError": {5},
    "VerificationError": {10, 11},
    "RefusedError": {12},
    "InstallError": {14},
    "ConfigError": {2},
    "SigningError": {1},
    "FleetError": {1, 4},
}


def classes():
    return [value for value in vars(errors).values() if isinstance(value, type)]


def test_every_error_belongs_to_one_family():
    for error in set(classes()) - {OtaError}:
        assert len([name for name in EXIT_CODES if issubclass(error, getattr(errors, name))]) == 1


def test_every_code_is_used_once():
    codes = [error.code for error in classes()]
    assert len(set(codes)) == len(codes)


def test_the_family_decides_the_exit_code():
    for name, codes in EXIT_CODES.items():
        family = getattr(errors, name)
        assert {error.exit_code for error in classes() if issubclass(error, family)} <= codes


def test_only_what_time_can_mend_is_retryable():
    assert sorted(error.code for error in classes() if error.retryable) == [
        "busy",
        "captive-portal",
        "connection",
        "expired",
        "fetch",
        "http-status",
        "postponed",
        "quota",
        "read-back",
        "redirect-refused",
        "response-too-long",
        "rollback-counter-unavailable",
        "slow-retrieval",
        "storage",
        "unconfirmed-trial",
    ]
