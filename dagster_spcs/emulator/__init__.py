"""An embedded account: Snowflake's wire protocol, tables by fakesnow, job services by us.

::

    with Emulator(images=[("/db/schema/repo/image", Path("image"))]) as emulator:
        snowflake.connector.connect(**emulator.connection_parameters())

Needs the extra ``dagster-spcs[emulator]``.
"""

from dagster_spcs.emulator.account import Settings
from dagster_spcs.emulator.faults import Fault, Faults
from dagster_spcs.emulator.images import UnreadableImage
from dagster_spcs.emulator.planted import PlantedJob
from dagster_spcs.emulator.server import CONNECTION_NAME, CannotListen, DataFolderInUse, Emulator
from dagster_spcs.emulator.statement_log import SentStatement

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
