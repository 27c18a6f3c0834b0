"""A real Ray cluster of two nodes on this machine, closed with a token, and gone afterwards."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
_PORTS = (
    "node-manager-port",
    "object-manager-port",
    "dashboard-agent-listen-port",
    "dashboard-agent-grpc-port",
    "runtime-env-agent-port",
    "metrics-export-port",
)


@dataclass(frozen=True)
class TwoNodes:
    """Where the cluster is.

    Attributes:
        address: of its job server.
        gcs: address that a driver connects to.
        token: file of its token.
        shared: folder that both nodes see.
        private: folder of which the second node sees another one under the same name.
        processes: of the nodes, by their names.
    """

    address: str
    gcs: str
    token: Path
    shared: Path
    private: Path
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def environment(self):
        """What a process needs to talk to the cluster."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        closed = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token)}
        return {**kept, **closed, "PATH": f"{BIN}:{kept['PATH']}"}

    def add_node(self, name, *, hidden=None):
        """Start a node with three CPUs; a folder may be hidden from it behind an empty one."""
        folder = self.token.with_name(name)
        node = [f"--address={self.gcs}", "--num-cpus=3", f"--temp-dir={folder}"]
        _start(self, name, node, hidden=hidden)

    def kill_node(self, name):
        """Let a node go as if its power had failed."""
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def softnce(self, *words, cwd, **environment):
        """Run the command as a person would, against this cluster."""
        return subprocess.run(
            ["softnce", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            cwd=cwd,
            env={**self.environment, "RAY_API_SERVER_ADDRESS": self.address, **environment},
        )


@pytest.fixture(scope="module")
def two_nodes():
    """Start a head without CPUs for trials, and a node with three.

    Each node lives in a process namespace of its own: Ray looks at the processes of the host to
    find the node it is on, and when the first process of a namespace goes, all others go with it.
    """
    root = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))  # short: sockets lie in it
    gcs, dashboard = free_ports(2)
    cluster = TwoNodes(
        f"http://127.0.0.1:{dashboard}",
        f"127.0.0.1:{gcs}",
        *(root / name for name in ("token", "shared", "private")),
    )
    cluster.token.write_text(secrets.token_hex(32))
    cluster.token.chmod(0o600)
    cluster.shared.mkdir()
    cluster.private.mkdir()
    try:
        head = ["--head", f"--port={gcs}", f"--dashboard-port={dashboard}", "--num-cpus=0",
                "--dashboard-host=127.0.0.1", f"--temp-dir={root / 'h'}"]  # fmt: skip
        _start(cluster, "head", head)
        cluster.add_node("n", hidden=cluster.private)
        yield cluster
    finally:
        for name in list(cluster.processes):
            cluster.kill_node(name)
        shutil.rmtree(root, ignore_errors=True)


def free_ports(count):
    """Return ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _start(cluster, name, options, hidden=None):
    """Start a node and wait until it runs; a folder may be hidden from it behind an empty one."""
    ports = [f"--{n}={p}" for n, p in zip(_PORTS, free_ports(len(_PORTS)), strict=True)]
    ray = [str(BIN / "ray"), "start", "--block", *options, *ports, "--node-ip-address=127.0.0.1",
           "--disable-usage-stats", "--object-store-memory=100000000", "--min-worker-port=0",
           "--max-worker-port=0"]  # fmt: skip
    cover = f"mount -t tmpfs none {hidden} && " if hidden else ""
    command = [*_namespace(), "sh", "-c", f'{cover}exec "$@"', "sh", *ray]
    log = cluster.token.with_name(f"{name}.log")
    for _ in range(3):  # Ray gives a node thirty seconds, which a busy machine may need twice
        with log.open("w") as file:
            process = subprocess.Popen(
                command,
                env=cluster.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=cluster.shared,
            )
        while process.poll() is None:
            if "Ray runtime started" in log.read_text():
                cluster.processes[name] = process
                return None
            time.sleep(0.1)
    return pytest.fail(log.read_text())


def _namespace():
    """Return the command that runs another with processes and mounts of its own."""
    own = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    for command in (own, [*own, "--user", "--map-root-user"]):
        tried = subprocess.run([*command, "true"], capture_output=True, check=False)
        if tried.returncode == 0:
            return command
    return pytest.skip("needs process namespaces (unshare)")
