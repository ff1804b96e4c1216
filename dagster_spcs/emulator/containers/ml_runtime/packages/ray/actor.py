"""Where Ray has the class of handles."""

from .remote import ActorHandle

__all__ = ["ActorHandle"]
