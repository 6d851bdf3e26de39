"""What a cluster gets: the manifests as Kustomize makes them, by the documented commands."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stats_gateway.wire.services import Service
from tests.support.documents import examples
from tests.support.programs import ROOT, program

Manifest = dict[str, Any]  # YAML has no types

OPERATIONS = "docs/operations.md"

KUBECTL = """#!/bin/sh
case "$*" in
"apply --server-side --kustomize "*) echo --- && exec "$KUBECTL" kustomize "$4" ;;
*" create secret "*) echo --- && exec "$KUBECTL" "$@" --dry-run=client --output=yaml ;;
"label namespace "*) ;;
*) exit 1 ;;
esac
"""
"""A kubectl without a cluster: it prints what would be brought there."""


@dataclass(frozen=True)
class Cluster:
    """Everything that would be applied, by kind and name."""

    manifests: Mapping[tuple[str, str], Manifest]

    def of(self, kind: str) -> dict[str, Manifest]:
        """The manifests of one kind, by name."""
        return {name: one for (found, name), one in self.manifests.items() if found == kind}

    def pod(self, service: Service) -> Manifest:
        """What a replica's pod is made from."""
        pod: Manifest = self.of("StatefulSet")[service.value]["spec"]["template"]["spec"]
        return pod

    def container(self, service: Service) -> Manifest:
        """The only container of such a pod."""
        (container,) = self.pod(service)["containers"]
        assert isinstance(container, dict)
        return container


def checkout(folder: Path) -> Path:
    """A copy of what the manifests are made from."""
    for one in ("deploy/kubernetes", "grafana/dashboards", "prometheus"):
        shutil.copytree(ROOT / one, folder / one, ignore=shutil.ignore_patterns("rules.yaml"))
    return folder


def built(printed: str) -> Cluster:
    """The manifests in what Kustomize prints; of one that is printed twice, the last."""
    manifests = filter(None, yaml.safe_load_all(printed))
    return Cluster({(one["kind"], one["metadata"]["name"]): one for one in manifests})


def documented(folder: Path) -> Cluster:
    """What the commands in docs/operations.md bring into a cluster."""
    kubectl = program("kubectl")
    program("openssl")
    (folder / "bin").mkdir()
    (folder / "bin" / "kubectl").write_text(KUBECTL)
    (folder / "bin" / "kubectl").chmod(0o755)
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(examples(OPERATIONS, "kubernetes"))],
        cwd=checkout(folder / "checkout"),
        env={**os.environ, "KUBECTL": kubectl, "PATH": f"{folder}/bin:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    return built(told.stdout)
