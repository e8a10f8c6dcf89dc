"""What every test gets without asking.

Import what tests share by its full name, `from tests.waiting import until`; folders of tests need no
`__init__.py`.
"""

import os

import pytest
from hypothesis import settings

# No deadline for one example: on a busy machine of two cores it would measure the neighbours. On CI the
# examples are the same at every run, so that a red gate means a change and not a draw.
settings.register_profile("laptop", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "laptop")


@pytest.fixture(autouse=True)
def settings_of_this_shell_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every OVERNIGHT_* variable away, so that no test opens the store of the person who runs it."""
    for name in [name for name in os.environ if name.startswith("OVERNIGHT_")]:
        monkeypatch.delenv(name)
