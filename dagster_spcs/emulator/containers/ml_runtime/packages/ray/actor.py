"""Where Ray has the class of handles."""

from ray.remote import ActorHandle

__all__ = ["ActorHandle"]
