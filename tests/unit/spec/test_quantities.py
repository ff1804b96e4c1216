"""Amounts of memory and CPU."""

from decimal import Decimal

import pytest

from dagster_spcs.spec.quantities import cpu_cores, memory_bytes


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        pytest.param("1M", 10**6, id="M"),
        pytest.param("512Mi", 512 * 2**20, id="Mi"),
        pytest.param("2G", 2 * 10**9, id="G"),
        pytest.param("1.5Gi", 3 * 2**29, id="fraction"),
        pytest.param("0Gi", 0, id="nothing"),
    ],
)
def test_memory(text: str, amount: int) -> None:
    """A number and a unit are so many bytes."""
    assert memory_bytes(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("512", id="no-unit"),
        pytest.param("Gi", id="no-number"),
        pytest.param("1 Gi", id="blank"),
        pytest.param("1gi", id="lower-case"),
        pytest.param("1Ki", id="unit-too-small"),
        pytest.param("-1Gi", id="negative"),
        pytest.param(".5Gi", id="no-leading-digit"),
        pytest.param("1e3M", id="exponent"),
        pytest.param("1Gi\n", id="newline"),
        pytest.param("2 cows", id="cows"),
        pytest.param("\u0661Gi", id="digits-of-another-script"),
    ],
)
def test_memory_refuses(text: str) -> None:
    """What is no amount of memory is refused, with an example of one."""
    with pytest.raises(ValueError, match=r"is not an amount of memory.*for example 512Mi"):
        memory_bytes(text)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        pytest.param("2", Decimal(2), id="cores"),
        pytest.param("0.5", Decimal("0.5"), id="half"),
        pytest.param("500m", Decimal("0.5"), id="millicores"),
        pytest.param("0", Decimal(0), id="nothing"),
    ],
)
def test_cpu(text: str, cores: Decimal) -> None:
    """Cores and millicores are the same amounts."""
    assert cpu_cores(text) == cores


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("m", id="no-number"),
        pytest.param("-1", id="negative"),
        pytest.param("1 core", id="words"),
        pytest.param("1M", id="upper-case"),
        pytest.param("nan", id="not-a-number"),
        pytest.param("\u0661", id="digit-of-another-script"),
    ],
)
def test_cpu_refuses(text: str) -> None:
    """What is no amount of CPU is refused, with both ways to write one."""
    with pytest.raises(ValueError, match="is not an amount of CPU"):
        cpu_cores(text)
