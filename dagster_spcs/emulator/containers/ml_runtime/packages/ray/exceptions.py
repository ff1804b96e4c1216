"""Ray's errors, for code that catches them."""


class RayError(Exception):
    """The root of Ray's errors."""


class RayActorError(RayError):
    """An actor is gone."""


class RayTaskError(RayError):
    """A task raised."""


class GetTimeoutError(RayError, TimeoutError):
    """A result did not come in time."""
