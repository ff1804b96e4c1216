"""What the example takes from the environment, in one place."""

import os
from pathlib import Path

DATABASE = os.environ.get("SPCS_EXAMPLE_DATABASE", "SPCS_EXAMPLE").upper()
SCHEMA = os.environ.get("SPCS_EXAMPLE_SCHEMA", "REVIEWS").upper()
COMPUTE_POOL = os.environ.get("SPCS_EXAMPLE_COMPUTE_POOL", "SPCS_EXAMPLE_POOL").upper()
WAREHOUSE = os.environ.get("SPCS_EXAMPLE_WAREHOUSE", "SPCS_EXAMPLE_WH").upper()
POLL_SECONDS = int(os.environ.get("SPCS_EXAMPLE_POLL_SECONDS", "10"))
"""Interval of the sensors; low, so that something moves while one watches."""
REFRESH_CRON = os.environ.get("SPCS_EXAMPLE_REFRESH_CRON", "0 6 * * *")

IMAGE = f"/{DATABASE}/{SCHEMA}/images/text_analysis:1".lower()

FOLDER = Path(__file__).parent
REVIEWS_CSV = FOLDER / "data" / "reviews.csv"
IMAGE_FOLDER = FOLDER / "text_analysis"
SETUP_SQL = FOLDER / "setup.sql"


def connections_file() -> Path:
    """Return where the emulator's connection is, as the environment says now."""
    return Path(os.environ.get("SPCS_EMULATOR_CONNECTIONS_FILE", ".spcs-emulator/connections.toml"))
