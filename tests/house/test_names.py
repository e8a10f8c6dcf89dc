"""The public names are a list that nobody lengthens by accident, and importing them costs next to nothing."""

import subprocess
import sys
from pathlib import Path

import overnight

PUBLIC_NAMES = [
    "App",
    "GiveUp",
    "Job",
    "JobFailed",
    "JobHandle",
    "Retry",
    "Snooze",
    "get",
    "job",
    "task",
    "track",
]


def test_the_public_names_are_these_and_sorted() -> None:
    assert list(overnight.__all__) == PUBLIC_NAMES


def test_every_public_name_is_there_and_is_listed_by_dir() -> None:
    assert not [name for name in PUBLIC_NAMES if getattr(overnight, name, None) is None]
    assert set(PUBLIC_NAMES) <= set(dir(overnight))


def test_no_public_name_is_the_name_of_a_module_of_the_package() -> None:
    """Once a submodule was imported, `from overnight import X` hands out the module instead of the name."""
    modules = {path.stem for path in Path(overnight.__file__).parent.iterdir()}
    assert not modules & set(PUBLIC_NAMES)


def test_an_unknown_name_is_an_attribute_error_that_says_the_name() -> None:
    code = "import overnight\ntry:\n overnight.tasc\nexcept AttributeError as error:\n print(error)"
    assert "tasc" in python(code)


def test_importing_the_package_loads_no_library() -> None:
    """SQLAlchemy alone would cost 171 ms, pydantic 50, typer 43; names are handed out when they are used."""
    code = (
        "import sys; before = set(sys.modules); import overnight\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(loaded - sys.stdlib_module_names - {'overnight'}))"
    )
    assert python(code).split() == []


def python(code: str) -> str:
    # Isolated (-I): what lies in the working directory or in PYTHONPATH does not count.
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout
