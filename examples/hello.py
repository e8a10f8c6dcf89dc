"""The smallest job: `overnight run examples/hello.py:hello --name Ada`."""

from time import sleep

from overnight import task, track


@task
def hello(name: str = "world") -> str:
    """Greet somebody, slowly."""
    for _ in track(range(20), "waving"):
        sleep(0.1)
    return f"Hello, {name}!"
