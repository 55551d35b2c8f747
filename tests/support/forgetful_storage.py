"""A disk whose sync fails once, and forgets."""

from ota_client.errors import StorageError
from ota_client.testing import SimulatedStorage, Synced, Written


class ForgetfulStorage(SimulatedStorage):
    """As Linux: after a sync that failed the next one succeeds, and what was written is gone."""

    def __init__(self, files):
        super().__init__(files)
        self.sync_fails, self.forgotten = False, {}

    def apply(self, operation):
        if isinstance(operation, Written) and self.sync_fails:
            self.forgotten[operation.path] = self.files()[operation.path]
        if isinstance(operation, Synced):
            if self.sync_fails:
                self.sync_fails = False
                raise StorageError(f"{operation.path}: Input/output error")
            if operation.path in self.forgotten:
                super().apply(Written(operation.path, 0, self.forgotten.pop(operation.path)))
        super().apply(operation)
