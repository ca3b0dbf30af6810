"""No command leaves anything half written when the file system refuses it something.

Some changes of files and file systems here; all of them, of every command, by `make disks`.
"""

import pytest
from copies import load_everything
from disk_faults import real_disks, refused_changes, whole_run
from disks import CannotMountError
from every_command import make_all_inputs

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of forks beside threads
    pytest.mark.usefixtures("empty_figures"),
]
REFUSED = ("scale", "report", "particles")
MOUNTED = ("regions by model", "batch")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    load_everything()
    return make_all_inputs(tmp_path_factory.mktemp("inputs"))


@pytest.mark.parametrize("run", REFUSED)
def test_a_change_of_files_that_is_refused_is_told_and_changes_nothing(inputs, tmp_path, run):
    whole = whole_run(run, inputs, tmp_path / "place")
    last = range(whole.changes - 9, whole.changes + 1)  # here results are exchanged
    for numbers in (range(1, whole.changes - 9, 5), last):
        tried = list(refused_changes(whole, tmp_path / "place", numbers))
        assert [each for each in tried if each[1]] == []


@pytest.mark.slow
@pytest.mark.parametrize("run", MOUNTED)
def test_a_disk_that_is_full_or_over_its_quota_is_told_and_left_as_it_was(inputs, tmp_path, run):
    whole = whole_run(run, inputs, tmp_path / "place")
    try:
        tried = list(real_disks(whole, tmp_path / "place", 2))
    except CannotMountError as error:
        pytest.skip(str(error))
    assert [each for each in tried if each[1]] == []
