"""``COPY INTO … FILES = (…)`` takes files of an internal stage; fakesnow takes URLs only."""

from fakesnow import copy_into
from fakesnow.transforms import stage

_of_urls = copy_into._source_urls


def _source_urls(source: str, files: list[str]) -> list[str]:
    if not stage.is_internal(source):
        return _of_urls(source, files)
    return [f"{source.rstrip('/')}/{file}" for file in files] or [source]


copy_into._source_urls = _source_urls
