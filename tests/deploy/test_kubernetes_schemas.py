"""Every manifest is valid for the oldest and the newest supported version of Kubernetes."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.deploy.manifests import FOLDER, OF_OTHERS, Manifest, files, manifests

OLDEST = "1.28"
"""The first version in which a label has the ordinal of a StatefulSet's pod."""

versions = pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])


def invalid(documents: list[Manifest], version: str) -> list[str]:
    """The errors in these manifests; unknown fields are errors too."""
    wrong = []
    for one in documents:
        if one["apiVersion"].startswith(OF_OTHERS):
            continue
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{one['kind']} {one['metadata']['name']}: {error.message}")
    return wrong


@versions
def test_every_file_is_valid(version: str) -> None:
    """Each file by itself."""
    documents = [one for path in files() for one in manifests(path)]
    assert {"Deployment", "StatefulSet", "Ingress"} <= {one["kind"] for one in documents}
    assert invalid(documents, version) == []


@versions
def test_the_example_is_valid(example: list[Manifest], version: str) -> None:
    """The built example, with its patches."""
    assert invalid(example, version) == []


def test_a_mistake_is_found() -> None:
    """A misspelt field, a wrong type and a missing field are errors."""
    (pod, *_) = manifests(FOLDER / "base" / "api.yaml")
    for broken in (
        {**pod, "specs": {}},
        {**pod, "spec": {**pod["spec"], "replicas": "two"}},
        {**pod, "spec": {"template": pod["spec"]["template"]}},
    ):
        assert invalid([broken], OLDEST) != []


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("kustomization.yaml")), ids=lambda path: path.parent.name
)
def test_kustomizations_name_existing_files(path: Path) -> None:
    """Each resource, patch and settings file exists, and none is left out."""
    kustomization = yaml.safe_load(path.read_text())
    generators = [
        *kustomization.get("configMapGenerator", []),
        *kustomization.get("secretGenerator", []),
    ]
    named = [
        *kustomization["resources"],
        *(patch["path"] for patch in kustomization.get("patches", [])),
        *(name for one in generators for name in one["envs"]),
    ]
    for name in named:
        there = path.parent / name
        assert there.exists() or Path(f"{there}.example").exists(), name
    beside = {one.name.removesuffix(".example") for one in path.parent.iterdir()}
    assert beside - {"kustomization.yaml"} <= set(named)
