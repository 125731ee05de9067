import os
import shutil
import subprocess
import sys

import pytest
from tests.conftest import REPOSITORY

NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that mounts disks as root: without the rights to, in a user namespace."""
    if "mounts" not in pyfuncitem.keywords or os.geteuid() == 0:
        return None
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], check=False).returncode:
        pytest.skip("mounting a disk needs root, or user namespaces")
    command = [*NAMESPACE, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "", pyfuncitem.nodeid]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return True
