"""Credits per node-hour of an instance family.

Figures of Snowflake's Service Consumption Table, tables 1(e) to (g), as two independent
third-party transcriptions of 2026 give them; families they do not list are not here, and an
estimate for them is absent rather than wrong.
"""

from dataclasses import dataclass

CREDITS_PER_NODE_HOUR = {
    "CPU_X64_XS": 0.06,
    "CPU_X64_S": 0.11,
    "CPU_X64_M": 0.22,
    "CPU_X64_SL": 0.41,
    "CPU_X64_L": 0.83,
    "HIGHMEM_X64_S": 0.28,
    "HIGHMEM_X64_M": 1.11,
    "HIGHMEM_X64_SL": 2.93,
    "HIGHMEM_X64_L": 4.44,
    "GPU_NV_XS": 0.25,
    "GPU_NV_S": 0.57,
    "GPU_NV_SM": 1.70,
    "GPU_NV_M": 2.68,
    "GPU_NV_2M": 3.50,
    "GPU_NV_3M": 3.55,
    "GPU_NV_SL": 13.50,
    "GPU_NV_L": 14.12,
    "GPU_GCP_NV_L4_1_24G": 0.43,
    "GPU_GCP_NV_L4_4_24G": 1.94,
    "GPU_GCP_NV_A100_8_40G": 11.68,
}


_LEAST_SECONDS = 300.0
"""What a node that starts or resumes is charged for at least (Service Consumption Table)."""


@dataclass(frozen=True)
class Credits:
    """What a job costs, between two cases that only the account can tell apart."""

    on_running_nodes: float
    """What it adds where its instances share one node that is up anyway."""
    on_started_nodes: float
    """What it costs where a node is started for each of its instances."""


def estimated_credits(
    family: str | None, replicas: int, seconds: float, *, share: float = 1.0
) -> Credits | None:
    """Return what a job costs, None for a family without a known rate.

    Args:
        family: of the pool's nodes.
        replicas: instances; several can share a node.
        seconds: that it ran.
        share: of the job, for one instance of a batch that is told by itself.
    """
    rate = CREDITS_PER_NODE_HOUR.get(family or "")
    if rate is None:
        return None
    per_second = rate / 3600
    return Credits(
        on_running_nodes=per_second * seconds * share,
        on_started_nodes=per_second * max(seconds, _LEAST_SECONDS) * replicas * share,
    )
