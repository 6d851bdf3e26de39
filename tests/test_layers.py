"""Who may import whom, how many entries a room has, and that every module says what it is for."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from tests.support.cases import for_each

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("stats_gateway", "exporters", "stats_feed", "stats_history", "stats_systemd")
OURS = (*PACKAGES, "scripts", "benchmarks", "tests")

# By folder, the innermost first: what may be imported besides the standard library and itself.
MAY_IMPORT = {
    "stats_gateway/sender": {"msgpack"},
    # msgpack: text that msgspec does not accept is mended through it.
    "stats_gateway": {"msgspec", "msgpack"},
    "exporters": {
        *("stats_gateway", "stats_systemd"),
        *("prometheus_client", "starlette", "uvicorn", "isal", "msgspec"),
        # h11 is uvicorn's parser; yaml and bcrypt read and check the web configuration; httpx asks
        # Prometheus for history; markdown_it renders the runbook.
        *("h11", "yaml", "bcrypt", "httpx", "markdown_it"),
    },
    # uvloop: the tap runs on it where it is installed. It counts clients as the services do.
    "stats_feed": {
        *("stats_gateway.sender", "stats_gateway.server.admission"),
        *("stats_systemd", "uvloop"),
    },
    # The package alone, which says the version.
    "stats_history": {"=stats_gateway"},
    "stats_systemd": set(),
}

# The rooms of a package from the top floor down: a module imports from its own room and from those
# below it, never upward. What is on one line may not import each other.
FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "exporters": (
        ("proxy", "pool"),
        ("service",),
        ("http",),
        ("endpoints",),
        ("access",),
        ("logs",),
        ("settings",),
        ("history",),
        ("exposition",),
        ("errors",),
    ),
    "stats_gateway": (
        ("server",),
        ("intake",),
        ("store",),
        ("rows",),
        ("wire",),
        ("limits", "clock"),
        ("errors",),
    ),
}
MAX_ENTRIES = 9
"""Files and folders a reader can take in at a glance, on each level of a package."""

MIN_WORDS = 5
"""A full sentence has a subject, a verb and an object, with their articles."""


def modules() -> list[str]:
    """Every module of the packages, as a path from the root."""
    return sorted(
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
    )


@cache
def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def imports(module: str, *, also_when_called: bool) -> Iterator[str]:
    """The names of the modules that `module` imports."""
    tree = parsed(module)
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
    if f"={imported}" in allowed:
        return True
    return any((imported + ".").startswith(f"{name}.") for name in allowed)


@for_each("module", modules())
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


def floor(module: str) -> int | None:
    """The number of the module's floor, from the top; None where its package has no floors."""
    package, _, rest = module.partition("/")
    room = rest.partition("/")[0].removesuffix(".py")
    floors = FLOORS.get(package, ())
    return next((number for number, rooms in enumerate(floors) if room in rooms), None)


@for_each("module", [one for one in modules() if floor(one) is not None])
def test_a_module_imports_only_from_its_own_room_and_from_those_below(module: str) -> None:
    package, room = module.split("/")[:2]
    upward = []
    for name in imports(module, also_when_called=True):
        path = as_path(name)
        if (
            path is None
            or not path.startswith(f"{package}/")
            or path.startswith(f"{package}/{room}/")
        ):
            continue
        other, own = floor(path), floor(module)
        if path != module and other is not None and own is not None and other <= own:
            upward.append(name)
    assert upward == []


def test_every_room_of_a_package_with_floors_is_on_a_floor() -> None:
    entries = [one for package in FLOORS for one in modules() if one.startswith(f"{package}/")]
    apart = {"stats_gateway/sender", "exporters/__init__.py", "stats_gateway/__init__.py"}
    homeless = {one for one in entries if floor(one) is None and not one.startswith(tuple(apart))}
    assert homeless == set()


def test_every_room_has_at_most_nine_entries() -> None:
    crowded = {}
    for package in (*PACKAGES, "benchmarks"):
        for folder in (ROOT / package, *(ROOT / package).rglob("*/")):
            if (folder / "__init__.py").is_file():
                names = {
                    one.name for one in folder.iterdir() if one.suffix == ".py" or is_room(one)
                }
                names -= {"__init__.py", "__main__.py"}
                crowded[folder.relative_to(ROOT).as_posix()] = len(names)
    assert {room: count for room, count in crowded.items() if count > MAX_ENTRIES} == {}


def is_room(folder: Path) -> bool:
    """Whether `folder` holds modules or the files they ship, and is no entry point of a program."""
    if not folder.is_dir() or folder.name == "__pycache__":
        return False
    return {one.name for one in folder.iterdir()} - {"__pycache__"} != {
        "__init__.py",
        "__main__.py",
    }


@for_each("module", modules())
def test_a_modules_docstring_begins_with_a_full_sentence(module: str) -> None:
    docstring = ast.get_docstring(parsed(module)) or ""
    first = docstring.split("\n\n")[0].replace("\n", " ")
    assert first.endswith("."), first
    assert len(first.split()) >= MIN_WORDS, first


def test_nothing_happens_on_import() -> None:
    """No output, no thread, no open file or socket, no handler of a signal, no log handler."""
    names = [
        module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for module in modules()
    ]
    program = f"""
import faulthandler, importlib, logging, os, signal, threading
import asyncio, ctypes, ssl, tomllib, uvicorn, starlette.applications, prometheus_client
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
