"""One change of status, as the platform records it (page "Monitoring Services")."""

from dataclasses import dataclass
from datetime import datetime

_ERRORS = {"FAILED", "INTERNAL_ERROR"}


@dataclass
class StatusChange:
    """One change of a container's, an instance's or the service's status."""

    at: datetime
    what: str
    """CONTAINER, SERVICE_INSTANCE or SERVICE."""
    status: str
    message: str
    instance: int | None = None
    container: str | None = None

    @property
    def severity(self) -> str:
        """Failures are errors, all else is information."""
        return "ERROR" if self.status in _ERRORS else "INFO"

    @property
    def subject(self) -> tuple[str, int | None, str | None]:
        """Whose status it is."""
        return self.what, self.instance, self.container
