"""Who may import whom, as CONTRIBUTING says, and that every module has its tests."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stats_gateway", "exporters", "stats_feed", "stats_history")
OURS = (*PACKAGES, "scripts", "benchmarks", "tests")

# By folder, the innermost first: what may be imported besides the standard library and itself.
MAY_IMPORT = {
    "stats_gateway/sender": {"msgpack"},
    # msgpack: text that msgspec does not accept is mended through it.
    "stats_gateway": {"msgspec", "msgpack"},
    "exporters": {
        *("stats_gateway", "prometheus_client", "starlette", "uvicorn", "isal", "msgspec"),
        # h11 is uvicorn's parser; the other two read and check the web configuration.
        *("h11", "yaml", "bcrypt"),
    },
    "stats_feed": {"stats_gateway.sender"},
    "stats_history": set[str](),
}

# Modules without a test file of their own, and the reason or the tests that cover them.
TESTED_ELSEWHERE = {
    "exporters/answers.py": "exporters/test_app.py",
    "exporters/basic_auth.py": "security/test_web_access.py",
    "exporters/families/family.py": "exporters/test_families.py",
    "exporters/families/gateway.py": "exporters/test_families.py",
    "exporters/families/pool.py": "exporters/test_families.py",
    "exporters/families/proxy.py": "exporters/test_families.py",
    "exporters/gates.py": "security/test_web_access.py",
    "exporters/guard.py": "security/test_http_bounds.py",
    "exporters/history_api.py": "exporters/test_history.py",
    "exporters/history_settings.py": "exporters/test_settings.py",
    "exporters/http_protocol.py": "security/test_http_bounds.py",
    "exporters/http_server.py": "exporters/test_app.py",
    "exporters/ingest.py": "security/test_tokens.py",
    "exporters/limit_settings.py": "exporters/test_settings.py",
    **dict.fromkeys(
        (
            f"exporters/page/{name}.py"
            for name in (
                *("columns", "document", "files", "markup", "routes", "sources", "state"),
                *("summary", "totals", "units"),
            )
        ),
        "e2e/test_page.py",
    ),
    "exporters/pool/__main__.py": "exporters/test_service.py",
    "exporters/proxy/__main__.py": "exporters/test_service.py",
    "exporters/prometheus.py": "exporters/test_history.py",
    "exporters/refusals.py": "security/test_http_bounds.py",
    "exporters/tls.py": "security/test_ingest_tls.py",
    "exporters/tokens.py": "security/test_tokens.py",
    "exporters/watched.py": "security/test_web_config.py",
    "exporters/web_config.py": "security/test_web_config.py",
    "exporters/web_tls.py": "security/test_web_access.py",
    "exporters/yaml_nodes.py": "security/test_web_config.py",
    "stats_feed/__main__.py": "stats_feed/test_program.py",
    "stats_feed/models.py": "stats_feed/test_fleet.py",
    "stats_feed/shares.py": "stats_feed/test_fleet.py",
    "stats_feed/simulate.py": "stats_feed/test_program.py",
    "stats_gateway/server/accept_loop.py": "stats_gateway/server/test_server.py",
    "stats_gateway/wire/messages.py": "stats_gateway/wire/test_decoding.py",
    "stats_gateway/wire/hashpool.py": "stats_gateway/store/test_contents.py",
    "stats_gateway/sender/trackers/downstreams.py": "stats_gateway/sender/trackers/test_miners.py",
    "stats_gateway/sender/session.py": "stats_gateway/sender/test_handle.py",
    "stats_gateway/sender/snapshots.py": "stats_gateway/sender/test_wire.py",
    "stats_history/__main__.py": "stats_history/test_import.py",
    "stats_history/conversion.py": "stats_history/test_import.py",
    "stats_history/importer.py": "stats_history/test_import.py",
    "stats_history/old_database.py": "stats_history/test_import.py",
    "stats_history/old_schema.py": "stats_history/test_import.py",
    "stats_history/outputs.py": "stats_history/test_import.py",
    "stats_history/report.py": "stats_history/test_import.py",
    "stats_history/state.py": "stats_history/test_killed.py",
}
NOTHING_TO_TEST = {
    "exporters/errors.py": "names only",
    "exporters/web_limits.py": "numbers only",
    "stats_gateway/clock.py": "reads the clock",
    "stats_gateway/errors.py": "names only",
    "stats_gateway/limits.py": "numbers only",
    "stats_gateway/sender/errors.py": "names only",
    "stats_gateway/intake/counters.py": "fields only",
    "stats_gateway/wire/encoding.py": "names only",
    "stats_gateway/wire/services.py": "names only",
    "stats_history/errors.py": "names only",
}


def modules() -> list[str]:
    """Every module of the packages, as a path from the root."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    )


def imports(module: str, *, also_when_called: bool) -> Iterator[str]:
    """The names of the modules that `module` imports."""
    tree = ast.parse((ROOT / module).read_text())
    nodes = ast.walk(tree) if also_when_called else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            # `from package import module` imports the module.
            for alias in node.names:
                if as_path(f"{node.module}.{alias.name}") is not None:
                    yield f"{node.module}.{alias.name}"


def as_path(name: str) -> str | None:
    """The path of one of our modules by its dotted name."""
    path = name.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        if (ROOT / candidate).is_file():
            return candidate
    return None


def home(module: str) -> str:
    """The innermost folder whose imports are restricted."""
    return next(folder for folder in MAY_IMPORT if module.startswith(f"{folder}/"))


def is_allowed(imported: str, folder: str) -> bool:
    if imported.partition(".")[0] in sys.stdlib_module_names:
        return True
    if (imported + ".").startswith(folder.replace("/", ".") + "."):
        # The sender is a package of its own: nothing of the gateway stands on it.
        return folder != "stats_gateway" or not imported.startswith("stats_gateway.sender")
    allowed = MAY_IMPORT[folder]
    return any((imported + ".").startswith(f"{name}.") for name in allowed)


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_its_folder_may(module: str) -> None:
    forbidden = [
        name
        for name in imports(module, also_when_called=True)
        if not is_allowed(name, home(module))
    ]
    assert forbidden == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {
            path
            for name in imports(module, also_when_called=False)
            if (path := as_path(name)) is not None and path != module
        }
        for module in modules()
    }
    # A package's own `__init__` may gather what stands in it.
    for module, needed in graph.items():
        needed.difference_update({parent for parent in needed if parent.endswith("__init__.py")})
        assert module not in needed
    TopologicalSorter(graph).prepare()


def test_every_module_has_its_tests_or_a_reason_to_have_none() -> None:
    listed = TESTED_ELSEWHERE.keys() | NOTHING_TO_TEST.keys()
    without = [
        module
        for module in modules()
        if not module.endswith("__init__.py") and module not in listed and not own_test(module)
    ]
    assert without == []


def test_what_is_listed_is_still_so() -> None:
    listed = [*TESTED_ELSEWHERE, *NOTHING_TO_TEST]
    assert [module for module in listed if not (ROOT / module).is_file()] == []
    assert [module for module in listed if own_test(module)] == []
    elsewhere = set(TESTED_ELSEWHERE.values())
    assert [test for test in sorted(elsewhere) if not (ROOT / "tests" / test).is_file()] == []


def own_test(module: str) -> bool:
    folder, _, name = module.rpartition("/")
    return (ROOT / "tests" / folder / f"test_{name}").is_file()


def test_nothing_happens_on_import() -> None:
    """No output, no thread, no open file or socket, no handler of a signal, no log handler."""
    names = [
        module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module in modules()
    ]
    program = f"""
import faulthandler, importlib, logging, os, signal, threading
import asyncio, ssl, tomllib, uvicorn, starlette.applications, prometheus_client
before = set(os.listdir("/proc/self/fd"))
signals = [signal.getsignal(number) for number in signal.valid_signals()]
for name in {names!r}:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
assert set(os.listdir("/proc/self/fd")) == before
assert signals == [signal.getsignal(number) for number in signal.valid_signals()]
assert not logging.getLogger().handlers
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr.decode()) == (0, b"", "")
