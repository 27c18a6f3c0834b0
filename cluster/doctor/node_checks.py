"""Checks of what the nodes of a cluster reported of themselves."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cluster.doctor.check_results import CheckResult, fault, ok, warning
from cluster.doctor.machine_checks import shared_memory, space
from cluster.doctor.node_probe import versions
from softnce.config.config import Config
from softnce.config.sections.study import ResourcesSection

Node = Mapping[str, Any]
_MUST_AGREE = ("ray", "softnce", "torch", "optuna")


def node_results(
    report: Mapping[str, Any], config: Config | None, *, is_ours: bool
) -> Iterator[CheckResult]:
    """Turn the probe's report into check results.

    Args:
        report: what ``node_probe.gather`` returned.
        config: what is wanted.
        is_ours: a local cluster that the doctor itself started.
    """
    nodes = [node for node in report["nodes"] if node["answers"]]
    yield from _answering(report["nodes"])
    if not nodes:
        return
    yield from _resources(report["resources"], config, has_driver=not is_ours)
    yield from _version_agreement(nodes)
    if is_ours:
        return
    yield from _runner(nodes)
    yield from _from_here(nodes[0])
    yield from _shared(nodes, config)
    yield from _space(nodes)
    if report["mlflow"] is False:
        cure = "use an address that the nodes resolve too, not localhost; open its port to them"
        yield fault("MLflow", "the nodes cannot reach the server", cure)


def _answering(nodes: Sequence[Node]) -> Iterator[CheckResult]:
    silent = [node["ip"] for node in nodes if not node["answers"]]
    if silent:
        cure = "look at ray status and at that node's raylet log"
        yield fault("nodes", f"{', '.join(silent)} did not answer", cure)
    if len(silent) < len(nodes):
        yield ok("nodes", f"{len(nodes) - len(silent)} answer")


def _resources(
    has: Mapping[str, float], config: Config | None, *, has_driver: bool
) -> Iterator[CheckResult]:
    need = config.resources if config else ResourcesSection()
    driver = need.driver_cpus if has_driver else 0
    wanted = {
        "CPU": (need.workers * need.cpus_per_worker + driver, has.get("CPU", 0)),
        "GPU": (need.workers * need.gpus_per_worker, has.get("GPU", 0)),
        "GB of memory": (need.memory_gb_per_trial, has.get("memory", 0) / 1e9),
    }
    for name, (needed, there) in wanted.items():
        users = "one trial and the search need" if name == "CPU" and driver else "one trial needs"
        found = f"{there:g} {name} in all, {users} {needed:g}"
        if needed > there:
            cure = "add nodes, or lower resources.workers, .cpus_per_worker, .gpus_per_worker"
            yield fault("resources", found, cure)
        elif needed > 0 and name != "GB of memory":
            yield ok("resources", found)


def _version_agreement(nodes: Sequence[Node]) -> Iterator[CheckResult]:
    """Name what differs from node to node."""
    pythons = {node["python"] for node in nodes}
    differing = [f"python {', '.join(sorted(pythons))}"] if len(pythons) > 1 else []
    for name in _MUST_AGREE:
        found = {node["versions"].get(name, "none") for node in nodes}
        if len(found) > 1:
            differing.append(f"{name} {', '.join(sorted(found))}")
    if differing:
        cure = "use one image on all nodes"
        yield fault("versions", f"the nodes differ: {'; '.join(differing)}", cure)
    else:
        yield ok("versions", f"the nodes agree (python {pythons.pop()})")


def _from_here(node: Node) -> Iterator[CheckResult]:
    here = versions()
    theirs = node["versions"]
    differing = [
        f"{name} {here.get(name, 'none')} here, {theirs[name]} there"
        for name in _MUST_AGREE
        if name in theirs and theirs[name] != here.get(name)
    ]
    if differing:
        cure = "harmless while the job uses the cluster's own; with --runner uv they must agree"
        yield warning("versions", "; ".join(differing), cure)


def _runner(nodes: Sequence[Node]) -> Iterator[CheckResult]:
    """Tell by which command a job starts."""
    holds = [node["ip"] for node in nodes if node["softnce"]]
    if len(holds) == len(nodes):
        yield ok("softnce", "on all nodes: ray job submit ... -- softnce search CONFIG")
    elif all(node["uv"] for node in nodes):
        found = "not on all nodes, uv is: ray job submit ... -- uv run softnce search CONFIG"
        yield ok("softnce", found)
    else:
        lacking = ", ".join(sorted({node["ip"] for node in nodes if not node["softnce"]}))
        cure = "put softnce (cluster/Dockerfile) or uv into the image of all nodes"
        yield fault("softnce", f"neither it nor uv is on {lacking}", cure)


def _shared(nodes: Sequence[Node], config: Config | None) -> Iterator[CheckResult]:
    path = config.resources.storage_path if config else None
    if path is None:
        return
    blind = [node["ip"] for node in nodes if not node["sees"]]
    read_only = [node["ip"] for node in nodes if node["sees"] and not node["writes"]]
    if blind:
        found = f"{path} is not shared: {', '.join(blind)} did not see a file left there"
        yield fault("storage", found, "mount one shared folder under this path on every node")
    elif read_only:
        found = f"{path} cannot be written on {', '.join(read_only)}"
        yield fault("storage", found, "give the user that runs Ray there the right to write")
    else:
        yield ok("storage", f"{path} is shared by all {len(nodes)} nodes")


def _space(nodes: Sequence[Node]) -> Iterator[CheckResult]:
    """Name only what is short."""
    for node in nodes:
        for path, free in node["free_gb"].items():
            where = f" on {node['ip']}"
            result = (
                shared_memory(free, where)
                if path == "/dev/shm"  # noqa: S108
                else space(f"disk{where}", path, free)
            )
            if result.level != "ok":
                yield result
