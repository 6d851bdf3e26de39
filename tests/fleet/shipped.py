"""The files of deploy/fleet and compose.fleet.yaml, as tests start programs with them."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.support.programs import ROOT, program
from tests.support.servers import LOOPBACK
from tests.support.yaml_files import Yaml

FOLDER = ROOT / "deploy" / "fleet"
RULES = FOLDER / "rules" / "fleet.yml"


def loaded(path: Path) -> Yaml:
    """What a YAML file holds."""
    content: Yaml = yaml.safe_load(path.read_text(encoding="utf-8"))
    return content


def services() -> Mapping[str, Yaml]:
    """The services of compose.fleet.yaml."""
    found: Mapping[str, Yaml] = loaded(ROOT / "compose.fleet.yaml")["services"]
    return found


def flags(service: str) -> dict[str, str]:
    """The flags that compose.fleet.yaml starts a service with, without variables."""
    lines = (re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", line) for line in services()[service]["command"])
    return dict(line.partition("=")[::2] for line in lines)


def store(folder: Path, port: int, **changed: str) -> list[str]:
    """The command of the store with the shipped flags, and what it keeps in `folder`."""
    own = flags("victoria-metrics") | {f"-{name}": value for name, value in changed.items()}
    own |= {"-storageDataPath": f"{folder}/store", "-httpListenAddr": f"{LOOPBACK}:{port}"}
    del own["-vmalert.proxyURL"]
    return [program("victoria-metrics"), *(f"{name}={value}" for name, value in own.items())]


def watch(rules: Path, port: int, store: int) -> list[str]:
    """The command of what evaluates `rules` for a store with the shipped flags; nobody is told."""
    known = subprocess.run(
        [program("vmalert"), "-help"], capture_output=True, text=True, check=False
    )
    at = f"http://{LOOPBACK}:{store}"
    # Debian 12's version has no delay, and so no flag for it.
    own = {name: value for name, value in flags("vmalert").items() if f"  {name}" in known.stdout}
    own |= {"-rule": str(rules), "-httpListenAddr": f"{LOOPBACK}:{port}"}
    own |= {"-datasource.url": at, "-remoteWrite.url": at, "-remoteRead.url": at}
    own |= {"-notifier.url": f"http://{LOOPBACK}:9"}  # nobody is there
    return [
        program("vmalert"),
        *(f"{name}={value}" if value else name for name, value in own.items()),
    ]


def receiver(folder: Path, port: int, configuration: Path) -> list[str]:
    """The command of a Prometheus that takes what sites write."""
    return [
        program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder}/received",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--web.enable-remote-write-receiver",
    ]
