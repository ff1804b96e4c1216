"""The flows of the image."""

import os
import time

from prefect import flow, get_run_logger, task


@task
def double(number: int) -> int:
    """Return twice the number."""
    return 2 * number


@flow
def greet(name: str = "world", number: int = 1) -> int:
    """Say hello and compute something."""
    get_run_logger().info("hello %s from %s", name, os.environ["SNOWFLAKE_SERVICE_NAME"])
    print(f"printed for {name}")
    return sum(double.map([number, number]).result())


@flow
def fail() -> None:
    """End with an error."""
    raise ValueError("on purpose")


@flow
def leave() -> None:
    """End the process, as a crash does."""
    print("leaving", flush=True)
    os._exit(3)


@flow
def wait(seconds: float = 300) -> None:
    """Run for a while."""
    print("waiting", flush=True)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.2)
