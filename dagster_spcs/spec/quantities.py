"""Amounts of memory and CPU as Snowflake writes them."""

import re
from decimal import Decimal

_MEMORY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(M|Mi|G|Gi)")
_CPU = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m?)")
_BYTES = {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}


def memory_bytes(text: str) -> int:
    """Return an amount of memory (``512Mi``, ``2G``) in bytes; the unit is obligatory."""
    match = _MEMORY.fullmatch(text)
    if match is None:
        raise ValueError(
            f"Invalid spec: '{text}' is not an amount of memory; write a number and one of"
            " M, Mi, G, Gi, for example 512Mi"
        )
    return int(Decimal(match[1]) * _BYTES[match[2]])


def cpu_cores(text: str) -> Decimal:
    """Return an amount of CPU (``0.5``, ``500m``) in cores."""
    match = _CPU.fullmatch(text)
    if match is None:
        raise ValueError(
            f"Invalid spec: '{text}' is not an amount of CPU; write cores (0.5) or millicores"
            " (500m)"
        )
    return Decimal(match[1]) / (1000 if match[2] else 1)
