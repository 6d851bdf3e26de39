"""The fuzz targets, on the corpus, on what hypothesis makes up, and guided by coverage."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.inputs import BETWEEN
from tests.fuzz.targets import TARGETS, ingest
from tests.support.programs import ROOT

CORPUS = Path(__file__).parent / "corpus"
RUNS = 4_000
"""Inputs for each target in the suite; `make soak` takes more."""

INPUTS = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_input_of_the_corpus_is_taken_or_refused(path: Path) -> None:
    TARGETS[path.parent.name](path.read_bytes())


def test_every_target_has_a_corpus() -> None:
    assert {path.parent.name for path in INPUTS} == set(TARGETS)


@given(st.sampled_from([path.read_bytes() for path in INPUTS]), st.data())
def test_a_damaged_input_is_taken_or_refused(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, max(0, len(damaged) - 1)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    for target in TARGETS.values():
        target(bytes(damaged))


@given(st.integers(0, 255), st.lists(st.binary(max_size=64), max_size=5))
def test_any_frames_are_taken_or_refused(step: int, payloads: list[bytes]) -> None:
    for kind in range(4):
        ingest(bytes([kind, step]) + BETWEEN.join(payloads))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_what_reaches_new_code_is_taken_or_refused_too(target: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        pytest.skip(
            "needs atheris, which has wheels for Python 3.11 to 3.13 on x86-64 Linux only: "
            "with one of those on the PATH, run 'make clean test'"
        )
    found = tmp_path / "found"
    found.mkdir()
    command = [
        *(sys.executable, "-m", "tests.fuzz", target, f"-runs={RUNS}", "-seed=1", "-max_len=4096"),
        *(f"-artifact_prefix={tmp_path}/", str(found), str(CORPUS / target)),
    ]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert run.returncode == 0, run.stderr[-3000:]
