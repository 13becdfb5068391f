"""The Helm chart: linted and rendered by Helm itself, its objects held against Kubernetes' schemas."""

import tomllib

import helm_python as helm
import kubernetes_validate
import pytest
import yaml

VERSIONS = ["1.27", "1.30", "1.34", "1.37"]

EVERYTHING = {
    "replicas": 3,
    "imagePullSecrets": [{"name": "registry"}],
    "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"},
                "tls": [{"secretName": "t", "hosts": ["tollgate.example"]}]},
    "persistence": {"storageClass": "fast"},
    "serviceMonitor": {"enabled": True},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "k", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}]}},
}


@pytest.fixture(scope="module")
def chart(config):
    return str(config / "helm" / "tollgate")


def render(chart: str, values: dict) -> list[dict]:
    rendered = helm.Chart.load(chart).render(values, name="release", namespace="default")
    return [found for text in rendered.values() for found in yaml.safe_load_all(text) if found]


def only(objects: list[dict], kind: str) -> dict:
    [found] = [one for one in objects if one["kind"] == kind]
    return found


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_helm_finds_no_fault(chart, values):
    report = helm.lint(chart, values, strict=True)
    faults = [message for message in report["messages"] if message["severity"] > 1]
    assert (faults, report["errors"]) == ([], [])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_kubernetes_knows_every_field(chart, values, version):
    objects = render(chart, values)
    # The monitor is an extension of the cluster, whose schema is not Kubernetes' own.
    for known in [one for one in objects if one["kind"] != "ServiceMonitor"]:
        kubernetes_validate.validate(known, version, strict=True)


def test_the_check_would_notice_a_mistake(chart):
    gateway = only(render(chart, {}), "StatefulSet")
    gateway["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(gateway, VERSIONS[-1], strict=True)


def test_every_selector_finds_the_gateways(chart):
    objects = render(chart, EVERYTHING)
    gateway = only(objects, "StatefulSet")
    labels = gateway["spec"]["template"]["metadata"]["labels"].items()
    selectors = [gateway["spec"]["selector"]["matchLabels"],
                 only(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                 *[one["spec"]["selector"] for one in objects if one["kind"] == "Service"]]
    assert all(selector.items() <= labels for selector in selectors)
    monitored = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
    services = [one for one in objects if one["kind"] == "Service"]
    [found] = [one for one in services if monitored <= one["metadata"]["labels"].items()]
    assert [port["name"] for port in found["spec"]["ports"]] == ["metrics"]


def test_gateways_are_confined_and_keep_a_journal_each(chart):
    gateway = only(render(chart, {}), "StatefulSet")["spec"]
    pod = gateway["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    [claim] = gateway["volumeClaimTemplates"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/data"} in container["volumeMounts"]


def test_the_program_takes_its_configuration(chart, takes, tmp_path):
    objects = render(chart, {})
    file = tmp_path / "tollgate.toml"
    file.write_text(only(objects, "ConfigMap")["data"]["tollgate.toml"])
    assert tomllib.loads(file.read_text())["providers"]
    [container] = only(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"]
    takes({one["name"]: one["value"] for one in container["env"]} | {"OPENAI_API_KEY": "sk-of-nobody"}, file)
