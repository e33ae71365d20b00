import subprocess
import sys
from pathlib import Path

from common.installed import data_file


def test_a_file_of_a_package_is_found():
    found = data_file("common", "py.typed")
    assert found == Path(__file__).parents[3] / "common" / "py.typed"


def test_what_is_not_installed_or_not_there_is_none():
    assert data_file("no_such_package", "x") is None
    assert data_file("common", "no such file") is None
    assert data_file("sys", "a module without a folder") is None


def test_nothing_of_the_package_is_imported():
    program = (
        "import sys; from common.installed import data_file;"
        "data_file('numpy', 'py.typed'); assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
