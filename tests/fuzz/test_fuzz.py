"""Mutated files and runs with any options: a sentence, or the right result; never anything else.

Short here; `make fuzz` tries thousands, of other seeds.
"""

import pytest
from fuzz_files import try_file, whole_files
from fuzz_runs import COMMANDS, make_inputs, try_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

# matplotlib 3.8 calls what newer versions of pyparsing deprecate
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated.* use :DeprecationWarning")

FILES, RUNS = 900, 3 * len(COMMANDS)
SEEDS = st.integers(10**6, 10**9)  # the others are those of `make fuzz`


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def wholes(folder):
    return whole_files(folder)


@pytest.fixture(scope="module")
def inputs(folder, wholes):
    return make_inputs(folder, folder / "volumes", folder / "blocks")


def test_mutated_files_are_read_as_their_bytes_say_or_refused(wholes, folder):
    assert [found for seed in range(FILES) if (found := try_file(wholes, seed, folder))] == []


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=SEEDS)
def test_other_mutated_files_too(wholes, folder, seed):
    assert try_file(wholes, seed, folder) is None


def test_runs_with_any_options_end_well(inputs, folder):
    done = [try_run(inputs, seed, folder) for seed in range(RUNS)]
    assert [problem for _, problem in done if problem] == []
    assert {status for status, _ in done} == {0, 2}
