"""What a benchmark tells ``code_location`` in another process, through its environment."""

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

_VARIABLE = "SPCS_BENCHMARK"
PARTITIONS = [f"p{number:04d}" for number in range(1_000)]


@dataclass(frozen=True)
class LocationSettings:
    """Where the account is, and what differs between measurements."""

    connection: dict[str, Any]
    compute_pool: str
    executor: str = "in-process"
    sensor_seconds: int = 30

    def environment(self) -> dict[str, str]:
        """Return the variable to start the process with."""
        return {_VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def of_environment(cls) -> "LocationSettings":
        """Read it back."""
        return cls(**json.loads(os.environ[_VARIABLE]))
