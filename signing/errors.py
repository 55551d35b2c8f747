"""What ``ota-sign`` refuses or cannot do; wrong arguments are ``ConfigError``.

::

    SigningError
    |- RepositoryFileError    a file of the repository folder is damaged or was changed by hand
    |- RepositoryBusyError    somebody else works on the folder now
    |- NothingToDoError       all is as asked already
    |- PassphraseError        a private key stays shut
    |- SignaturesMissingError a role is below its threshold
    |- NotReviewedError       what is to be signed was not reviewed, or changed since
    |- RuleError              devices would refuse it, or it could lock them out
    |- StaleStageError        the published state moved on under what is staged
    |- GateError              a device would not accept the candidate
    |- DestinationError       the folder to publish to holds something else
    |- DestinationFileError   the folder to publish to cannot be written
    `- ServerError            an update server does not publish what it was sent
"""

from ota_client.errors import SigningError


class RepositoryFileError(SigningError):
    """A file of the repository folder is missing, damaged or not what its metadata says."""

    code = "repository-file"


class RepositoryBusyError(SigningError):
    """Another ``ota-sign`` works on the repository folder (C11)."""

    code = "repository-busy"
    retryable = True


class NothingToDoError(SigningError):
    """All is as asked already."""

    code = "nothing-to-do"
    exit_code = 3


class PassphraseError(SigningError):
    """A private key cannot be opened: no passphrase, or a wrong one."""

    code = "passphrase"
    exit_code = 4


class SignaturesMissingError(SigningError):
    """A role has fewer signatures than its threshold, or no key that could sign is here."""

    code = "signatures-missing"
    exit_code = 4


class NotReviewedError(SigningError):
    """What is to be signed was not reviewed by this person, or changed since (C10)."""

    code = "not-reviewed"
    exit_code = 12


class RuleError(SigningError):
    """Devices would refuse the change, or it could lock them out."""

    code = "rule"
    exit_code = 12


class ReleaseExistsError(RuleError):
    """The version is there already, or was and is retired (A31)."""

    code = "release-exists"


class RollbackOrderError(RuleError):
    """The rollback index does not rise along with the versions."""

    code = "rollback-order"


class RollbackStepError(RuleError):
    """The rollback index rises by more than devices accept (A14)."""

    code = "rollback-step"


class ChannelBackwardsError(RuleError):
    """The channel would move to a release that its devices refuse as a downgrade."""

    code = "channel-backwards"


class KeyTwiceError(RuleError):
    """One public key would stand twice in a role (A04)."""

    code = "key-twice"


class StaleStageError(SigningError):
    """What is staged does not follow on what is published now (C11)."""

    code = "stale-stage"
    exit_code = 12


class GateError(SigningError):
    """A simulated device refused the candidate; nothing was published (A24)."""

    code = "gate"
    exit_code = 10


class DestinationError(SigningError):
    """The folder to publish to holds newer or unrelated files (C11)."""

    code = "destination"
    exit_code = 12


class DestinationFileError(SigningError):
    """The folder to publish to cannot be written; the repository's own ``published`` is up to date."""

    code = "destination-file"
    retryable = True


class ServerError(SigningError):
    """The update server failed over what it was sent; its log has the reason."""

    code = "server"
    retryable = True


class ServerUnreachableError(ServerError):
    """The update server does not answer; what it has got stays, and `publish --to` goes on with it."""

    code = "server-unreachable"
    exit_code = 5
    retryable = True


class ServerTokenError(ServerError):
    """The update server does not know the token, or its owner may not publish this."""

    code = "server-token"
    exit_code = 4
    retryable = False


class ServerRefusedError(ServerError):
    """The update server would not serve it: devices would refuse it, or it is another history (B11)."""

    code = "server-refused"
    exit_code = 10
    retryable = False
