"""Credit estimates: rate times nodes times time, or nothing."""

import pytest

from dagster_spcs.jobs.credits import CREDITS_PER_NODE_HOUR, estimated_credits


@pytest.mark.parametrize(
    ("family", "nodes", "seconds", "credits"),
    [
        pytest.param("CPU_X64_XS", 1, 3600, 0.06, id="an-hour"),
        pytest.param("CPU_X64_S", 4, 900, 0.11, id="four-nodes-a-quarter"),
        pytest.param("GPU_NV_L", 1, 0, 0.0, id="no-time-costs-nothing"),
    ],
)
def test_estimate(family: str, nodes: int, seconds: float, credits: float) -> None:
    """The estimate is the family's rate times node-hours."""
    assert estimated_credits(family, nodes, seconds) == pytest.approx(credits)


def test_no_estimate() -> None:
    """Without a rate there is no estimate, instead of a wrong one."""
    for family in (None, "GEN_X64_G2_2", "cpu_x64_xs"):
        assert estimated_credits(family, 1, 3600) is None


def test_rates_are_plausible() -> None:
    """Every rate is a positive number of credits, none above the largest GPU family's."""
    assert all(0 < rate <= 14.12 for rate in CREDITS_PER_NODE_HOUR.values())
