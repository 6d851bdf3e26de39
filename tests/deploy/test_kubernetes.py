"""The manifests for Kubernetes: as Kustomize makes them, held to the published schemas."""

import re
import subprocess
import sys
from base64 import b64decode
from importlib import import_module
from pathlib import Path

import pytest

from stats_feed.flags import destination
from stats_gateway.wire.services import Service
from tests.deploy.cluster import OPERATIONS, Cluster, built, checkout
from tests.e2e.harness.service import Service as Running
from tests.support.documents import examples
from tests.support.programs import ROOT, program

SCHEMAS = {
    "v1": "cloudcoil.models.kubernetes.core.v1",
    "apps/v1": "cloudcoil.models.kubernetes.apps.v1",
    "networking.k8s.io/v1": "cloudcoil.models.kubernetes.networking.v1",
    "policy/v1": "cloudcoil.models.kubernetes.policy.v1",
    "monitoring.coreos.com/v1": "cloudcoil.models.prometheus_operator.v1",
}
"""Where the class of each kind is, by apiVersion."""

RESTRICTED_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "projected", "secret"}
"""Of those that the pod security standard `restricted` allows, those that hold no claim."""

each_service = pytest.mark.parametrize("service", Service)


@pytest.mark.slow  # the schemas are 4 MB of classes
def test_every_manifest_says_what_its_published_schema_knows_and_nothing_else(
    cluster: Cluster,
) -> None:
    for (kind, name), manifest in cluster.manifests.items():
        model = getattr(import_module(SCHEMAS[manifest["apiVersion"]]), kind)
        # A field that the class does not know, or knows by another type, does not come back.
        understood = model.model_validate(manifest).model_dump(
            mode="json", by_alias=True, exclude_unset=True
        )
        assert understood == manifest, f"{kind} {name}"


@each_service
def test_pods_are_within_the_restricted_standard(cluster: Cluster, service: Service) -> None:
    (namespace,) = cluster.of("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, container = cluster.pod(service), cluster.container(service)
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod.keys()
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert not any("hostPort" in port for port in container["ports"])
    kinds = {key for volume in pod["volumes"] for key in volume.keys() - {"name"}}
    assert kinds <= RESTRICTED_VOLUMES
    assert pod["automountServiceAccountToken"] is False


def test_both_services_are_run_alike() -> None:
    def manifest(name: str) -> str:
        text = (ROOT / "deploy" / "kubernetes" / f"{name}.yaml").read_text()
        return text.partition("\n")[2]

    ours = manifest("stats-proxy").replace("stats-proxy", "stats-pool")
    assert ours.replace("8082", "9083").replace("8084", "9084") == manifest("stats-pool")


@each_service
def test_senders_name_both_replicas_by_addresses_that_stay(
    cluster: Cluster, service: Service
) -> None:
    text = (ROOT / "deploy" / "kubernetes" / f"{service.value}.yaml").read_text()
    named = [destination(one).address for one in re.findall(r"--to (\S+)", text)]
    replicas = cluster.of("StatefulSet")[service.value]["spec"]
    headless = cluster.of("Service")[replicas["serviceName"]]
    domain = f"{replicas['serviceName']}.{headless['metadata']['namespace']}.svc"
    (port,) = headless["spec"]["ports"]
    assert headless["spec"]["clusterIP"] == "None"
    assert headless["spec"]["publishNotReadyAddresses"] is True
    assert named == [
        (f"{service.value}-{number}.{domain}", port["port"])
        for number in range(replicas["replicas"])
    ]


@each_service
def test_settings_and_ports_agree_and_every_line_of_the_settings_is_accepted(
    cluster: Cluster, service: Service, tmp_path: Path
) -> None:
    container = cluster.container(service)
    (volume,) = cluster.pod(service)["volumes"]
    settings, secret = volume["projected"]["sources"]
    (text,) = cluster.of("ConfigMap")[settings["configMap"]["name"]]["data"].values()
    assert secret["secret"] == {"name": f"{service.value}-secrets", "optional": True}
    assert secret["secret"]["name"] in text
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for listener, port in ports.items():
        assert f'[{listener}]\nlisten_address = ":{port}"' in text
    contents = {"tokens": "s3cret a\n", "web.yml": "basic_auth_users:\n  a: $2y$04$" + "." * 53}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(volume["projected"]["defaultMode"])
    # TLS needs certificates that are right: other tests make some.
    lines = [re.sub(r"^#(?=\w+ = )", "", line) for line in text.splitlines() if "tls_" not in line]
    (_, option) = container["command"]
    file = tmp_path / Path(option).name
    file.write_text("\n".join(lines).replace("/etc/stratum-stats", str(tmp_path)))
    module = "exporters.proxy" if service is Service.PROXY else "exporters.pool"
    checked = subprocess.run(
        [sys.executable, "-m", module, "--config.check", f"--config.file={file}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_pod_is_alive_and_ready_while_nobody_sends(cluster: Cluster) -> None:
    container = cluster.container(Service.PROXY)
    with Running("proxy") as service:
        assert service.get("/health").status == 503
        for probe in ("livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            assert asked["port"] == "web"
            assert service.get(asked["path"]).status == 200


@each_service
def test_one_replica_at_a_time_is_taken_away(cluster: Cluster, service: Service) -> None:
    replicas = cluster.of("StatefulSet")[service.value]["spec"]
    budget = cluster.of("PodDisruptionBudget")[service.value]["spec"]
    assert (replicas["replicas"], budget["maxUnavailable"]) == (2, 1)
    labels = replicas["template"]["metadata"]["labels"]
    for selector in (replicas["selector"]["matchLabels"], budget["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()


def test_the_policy_is_for_every_pod_and_knows_every_port(cluster: Cluster) -> None:
    (policy,) = cluster.of("NetworkPolicy").values()
    opened = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
    for service, replicas in cluster.of("StatefulSet").items():
        labels = replicas["spec"]["template"]["metadata"]["labels"]
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
        assert {port["name"] for port in cluster.container(Service(service))["ports"]} == opened
    assert all("from" in rule for rule in policy["spec"]["ingress"])


def test_the_image_is_that_of_this_version(cluster: Cluster) -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    for service in Service:
        assert cluster.container(service)["image"].endswith(f"/stratum-stats:v{version[1]}")


def test_the_documented_commands_bring_an_image_and_a_token(cluster: Cluster) -> None:
    image = cluster.container(Service.PROXY)["image"]
    assert image.startswith("ghcr.io/your-organisation/stratum-stats:")
    (tokens,) = cluster.of("Secret")["stats-proxy-secrets"]["data"].values()
    assert b64decode(tokens).endswith(b" translator-1\n")
    (proxy,) = (
        one["data"]["stats-proxy.toml"]
        for one in cluster.of("ConfigMap").values()
        if "\ntoken_file" in one["data"].get("stats-proxy.toml", "")
    )
    assert '\ntoken_file = "/etc/stratum-stats/tokens"\n' in proxy


def test_an_overlay_has_settings_and_an_image_of_its_own(tmp_path: Path) -> None:
    (overlay,) = examples(OPERATIONS, "overlay")
    remote = re.search(r"https://github.com/OWNER/stratum-stats//([^?]+)\?ref=v[\d.]+", overlay)
    assert remote is not None
    checkout(tmp_path / "checkout")
    (tmp_path / "overlay").mkdir()
    text = overlay.replace(remote[0], f"../checkout/{remote[1]}")
    (tmp_path / "overlay" / "kustomization.yaml").write_text(text)
    (tmp_path / "overlay" / "stats-proxy.toml").write_text("# of the operator\n")
    command = [program("kubectl"), "kustomize", str(tmp_path / "overlay")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cluster = built(printed)
    assert cluster.container(Service.PROXY)["image"].startswith("registry.example/stratum-stats:")
    (volume,) = cluster.pod(Service.PROXY)["volumes"]
    settings = volume["projected"]["sources"][0]["configMap"]["name"]
    assert cluster.of("ConfigMap")[settings]["data"] == {"stats-proxy.toml": "# of the operator\n"}
