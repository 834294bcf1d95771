from __future__ import annotations

import pytest

from tests.deploy import manifests
from tests.deploy.manifests import Manifest


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """The manifests that deploy/kubernetes/example builds."""
    return manifests.example(tmp_path_factory.getbasetemp())
