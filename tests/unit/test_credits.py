"""Credit estimates: a range, or nothing."""

import pytest

from dagster_spcs.jobs.credits import CREDITS_PER_NODE_HOUR, estimated_credits


@pytest.mark.parametrize(
    ("family", "replicas", "seconds", "least", "most"),
    [
        pytest.param("CPU_X64_XS", 1, 3600, 0.06, 0.06, id="an-hour"),
        pytest.param("CPU_X64_XS", 1, 17, 0.06 * 17 / 3600, 0.005, id="seconds-on-a-cold-pool"),
        pytest.param("CPU_X64_XS", 1, 221, 0.06 * 221 / 3600, 0.005, id="below-five-minutes"),
        pytest.param("CPU_X64_S", 4, 900, 0.0275, 0.11, id="four-instances"),
        pytest.param("GPU_NV_L", 1, 0, 0.0, 14.12 / 12, id="no-time"),
    ],
)
def test_estimate(family: str, replicas: int, seconds: float, least: float, most: float) -> None:
    """One node that is up anyway, or a node for each instance, charged for five minutes at least.

    The two short jobs are measured ones: both cost 0.005 credits.
    """
    estimate = estimated_credits(family, replicas, seconds)
    assert estimate is not None
    assert estimate.on_running_nodes == pytest.approx(least)
    assert estimate.on_started_nodes == pytest.approx(most)


def test_share() -> None:
    """An instance of a batch costs its part of the job."""
    whole, part = (estimated_credits("CPU_X64_S", 4, 900, share=share) for share in (1, 0.25))
    assert whole is not None
    assert part is not None
    assert part.on_running_nodes == pytest.approx(whole.on_running_nodes / 4)
    assert part.on_started_nodes == pytest.approx(whole.on_started_nodes / 4)


def test_no_estimate() -> None:
    """Without a rate there is no estimate, instead of a wrong one."""
    for family in (None, "GEN_X64_G2_2", "cpu_x64_xs"):
        assert estimated_credits(family, 1, 3600) is None


def test_rates_are_plausible() -> None:
    """Every rate is a positive number of credits, none above the largest GPU family's."""
    assert all(0 < rate <= 14.12 for rate in CREDITS_PER_NODE_HOUR.values())
