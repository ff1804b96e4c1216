"""Instance families: what a node of each holds (page "CREATE COMPUTE POOL").

Where sources differ the documentation's figure is taken. GPU families list their CPU and memory;
containers here are local processes and are given no GPU.
"""

from decimal import Decimal
from typing import NamedTuple


class Family(NamedTuple):
    """A node of a family."""

    vcpu: Decimal
    memory_gib: Decimal
    gpus: int = 0


def _family(vcpu: int, memory_gib: int, gpus: int = 0) -> Family:
    return Family(Decimal(vcpu), Decimal(memory_gib), gpus)


FAMILIES: dict[str, Family] = {
    "CPU_X64_XS": _family(1, 6),
    "CPU_X64_S": _family(3, 13),
    "CPU_X64_M": _family(6, 28),
    "CPU_X64_SL": _family(14, 58),
    "CPU_X64_L": _family(28, 116),
    "HIGHMEM_X64_S": _family(6, 58),
    "HIGHMEM_X64_M": _family(28, 240),
    "HIGHMEM_X64_L": _family(124, 984),
    "HIGHMEM_X64_SL": _family(92, 654),
    "GEN_X64_G2_2": _family(1, 6),
    "GEN_X64_G2_4": _family(3, 13),
    "GEN_X64_G2_8": _family(6, 28),
    "GEN_X64_G2_16": _family(14, 58),
    "GEN_X64_G2_32": _family(28, 116),
    "GEN_ARM_G1_2": _family(1, 6),
    "GEN_ARM_G1_4": _family(3, 13),
    "GEN_ARM_G1_8": _family(6, 28),
    "GEN_ARM_G1_16": _family(14, 58),
    "GEN_ARM_G1_32": _family(28, 116),
    "MEM_X64_G2_8": _family(6, 58),
    "MEM_X64_G2_32": _family(28, 240),
    "MEM_X64_G2_64": _family(60, 492),
    "MEM_X64_G2_96": _family(92, 652),
    "MEM_X64_G2_192": _family(188, 1436),
    "GPU_NV_XS": _family(3, 26, 1),
    "GPU_NV_S": _family(6, 28, 1),
    "GPU_NV_SM": _family(32, 424, 1),
    "GPU_NV_M": _family(44, 178, 4),
    "GPU_NV_2M": _family(68, 858, 2),
    "GPU_NV_3M": _family(44, 424, 2),
    "GPU_NV_SL": _family(92, 858, 4),
    "GPU_NV_L": _family(92, 1112, 8),
    "GPU_L40S_G1_8": _family(6, 58, 1),
    "GPU_L40S_G1_16": _family(14, 116, 1),
    "GPU_L40S_G1_48": _family(44, 368, 4),
    "GPU_L40S_G1_192": _family(188, 1436, 8),
    "GPU_R6K_G1_8": _family(6, 58, 1),
    "GPU_R6K_G1_16": _family(14, 116, 1),
    "GPU_R6K_G1_32": _family(28, 240, 1),
    "GPU_R6K_G1_48": _family(44, 490, 2),
    "GPU_R6K_G1_96": _family(92, 984, 4),
    "GPU_R6K_G1_192": _family(188, 1843, 8),
    "GPU_GCP_NV_L4_1_24G": _family(6, 28, 1),
    "GPU_GCP_NV_L4_4_24G": _family(44, 178, 4),
    "GPU_A100_G1_12": _family(10, 77, 1),
    "GPU_A100_G1_48": _family(44, 324, 4),
    "GPU_GCP_NV_A100_8_40G": _family(92, 654, 8),
}
