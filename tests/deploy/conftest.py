"""The cluster that the tests of the manifests look at, made once."""

import pytest

from tests.deploy.cluster import Cluster, documented


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """What the commands in docs/operations.md bring into a cluster."""
    return documented(tmp_path_factory.mktemp("cluster"))
