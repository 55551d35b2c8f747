"""Why an event did not reach whom it was for."""

from ota_client.errors import FleetError

ERROR_LONGEST = 200


class DeliveryError(FleetError):
    """A notification could not be delivered; it is tried again.

    Attributes:
        http_status: what the receiver answered; None if it did not.
        retry_after_s: before which it asked not to be tried again.
    """

    code = "delivery"
    retryable = True

    def __init__(
        self, message: str, *, http_status: int | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message[:ERROR_LONGEST])
        self.http_status = http_status
        self.retry_after_s = retry_after_s
