"""An embedded account: Snowflake's wire protocol, tables by fakesnow, job services by us.

::

    with Emulator(images=[("/db/schema/repo/image", Path("image"))]) as emulator:
        snowflake.connector.connect(**emulator.connection_parameters())

Here: ``wire`` (HTTP and sessions), ``sql`` (words, answers, fakesnow), ``statements`` (a handler
each), ``account`` (what exists) and ``containers`` (local processes). Not here: anything of the
core but its statuses, so that a mistake in one is not cancelled by the same mistake in the other.

Read ``wire.routes`` first. Needs the extra ``dagster-spcs[emulator]``.
"""

try:
    from dagster_spcs.emulator.account.account import Settings
    from dagster_spcs.emulator.account.faults import Fault, Faults
    from dagster_spcs.emulator.account.planted import PlantedJob
    from dagster_spcs.emulator.containers.images import UnreadableImage
    from dagster_spcs.emulator.wire.server import (
        CONNECTION_NAME,
        CannotListen,
        DataFolderInUse,
        Emulator,
    )
    from dagster_spcs.emulator.wire.statement_log import SentStatement
except ModuleNotFoundError as error:
    if (error.name or "").startswith("dagster_spcs"):
        raise
    raise ModuleNotFoundError(
        f"The emulator needs {error.name}, which is not installed:"
        " pip install 'dagster-spcs[emulator]'",
        name=error.name,
    ) from error

__all__ = [
    "CONNECTION_NAME",
    "CannotListen",
    "DataFolderInUse",
    "Emulator",
    "Fault",
    "Faults",
    "PlantedJob",
    "SentStatement",
    "Settings",
    "UnreadableImage",
]
