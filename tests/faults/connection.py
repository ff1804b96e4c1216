"""What the code locations of these tests share: the settings, a request, a connection."""

import json
from pathlib import Path
from typing import Any

from dagster_snowflake import SnowflakeResource

from dagster_spcs import Container, JobRequest, ServiceSpec

Settings = dict[str, Any]


def read_settings(path: str) -> Settings:
    """Return what ``write_settings`` has written down."""
    settings: Settings = json.loads(Path(path).read_text())
    return settings


def request_of(settings: Settings, script: str) -> JobRequest:
    """Return a request whose one container runs a shell script."""
    container = Container(name="main", image=settings["image"], args=[script])
    return JobRequest(spec=ServiceSpec(containers=[container]))


def snowflake_of(settings: Settings, **fields: Any) -> SnowflakeResource:
    """Return the resource that connects to the emulator of the settings."""
    return SnowflakeResource(
        account=settings["account"],
        user=settings["user"],
        password=settings["password"],
        database="LAB",
        schema="PUBLIC",
        autocommit=True,
        additional_snowflake_connection_args={
            "host": settings["host"],
            "port": settings["port"],
            "protocol": "http",
            "platform_detection_timeout_seconds": 0.0,
        },
        **fields,
    )
