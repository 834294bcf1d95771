"""The manifests in deploy/kubernetes/: each file, and what kubectl builds from the example."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
OF_OTHERS = ("gateway.networking.k8s.io/", "monitoring.coreos.com/", "kustomize.config.k8s.io/")
"""Kinds of extensions: Kubernetes itself has no schema for them."""

POD_INDEX = "metadata.labels['apps.kubernetes.io/pod-index']"

Manifest = dict[str, Any]


def files() -> list[Path]:
    return sorted(FOLDER.rglob("*.yaml"))


def manifests(path: Path) -> list[Manifest]:
    """The manifests in a file. A file of patches is a list, and has none."""
    documents = yaml.safe_load_all(path.read_text())
    return [document for document in documents if isinstance(document, dict)]


@cache
def _example(build: tuple[str, ...], folder: Path) -> list[Manifest]:
    copy = shutil.copytree(FOLDER, folder / "kubernetes")
    shutil.copytree(FOLDER.parent / "redis", folder / "redis")
    example = copy / "example"
    shutil.copy(example / "secret.env.example", example / "secret.env")
    subprocess.run([copy / "passwords.sh", example / "secret.env"], check=True)
    done = subprocess.run(
        [*build, str(example)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def example(folder: Path) -> list[Manifest]:
    """The manifests that `kubectl apply -k` sends for the example. Skips without kubectl."""
    if shutil.which("kubectl"):
        return _example(("kubectl", "kustomize"), folder)
    if shutil.which("kustomize"):
        return _example(("kustomize", "build"), folder)
    pytest.skip("neither kubectl nor kustomize is on the PATH, which put the manifests together")


def of_kind(documents: list[Manifest], *kinds: str) -> dict[str, Manifest]:
    """The workloads, by name."""
    return {one["metadata"]["name"]: one for one in documents if one["kind"] in kinds}


def workloads(documents: list[Manifest]) -> dict[str, Manifest]:
    return of_kind(documents, "Deployment", "StatefulSet")


def labels(workload: Manifest) -> dict[str, str]:
    """The labels of its pods."""
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def pod(workload: Manifest) -> Manifest:
    found: Manifest = workload["spec"]["template"]["spec"]
    return found


def container(workload: Manifest) -> Manifest:
    """Its only container."""
    (only,) = pod(workload)["containers"]
    found: Manifest = only
    return found


def port(workload: Manifest, named: str | int) -> int:
    """The number of a named port of the workload's container."""
    ports = {one["name"]: int(one["containerPort"]) for one in container(workload)["ports"]}
    return named if isinstance(named, int) else ports[named]


def environment(
    documents: list[Manifest], workload: Manifest, ordinal: int = 0
) -> Iterator[tuple[str, str]]:
    """The environment of the pod with this ordinal, with values for its secrets."""
    settings = of_kind(documents, "ConfigMap")
    secrets = of_kind(documents, "Secret")
    for source in container(workload).get("envFrom", []):
        yield from settings[source["configMapRef"]["name"]]["data"].items()
    for one in container(workload).get("env", []):
        origin = one.get("valueFrom", {})
        if "secretKeyRef" in origin:
            wanted = origin["secretKeyRef"]
            if wanted.get("optional") and wanted["key"] not in secrets[wanted["name"]]["data"]:
                continue
            assert wanted["key"] in secrets[wanted["name"]]["data"]
            yield one["name"], "redis://:secret@redis:6379/0"
        elif "fieldRef" in origin:
            assert origin["fieldRef"]["fieldPath"] == POD_INDEX
            yield one["name"], str(ordinal)
        else:
            yield one["name"], one["value"]


def selects(selector: Manifest, theirs: dict[str, str]) -> bool:
    """Match labels as Kubernetes does. Of expressions only `In` is supported."""
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    return wanted <= theirs.items() and all(
        one["operator"] == "In" and theirs.get(one["key"]) in one["values"] for one in expressions
    )
