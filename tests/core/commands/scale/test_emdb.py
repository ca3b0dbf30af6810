"""A map of the EMDB comes whole or not at all; the archive is a server on this machine."""

import gzip
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from small_jobs import contents

from occupy_core import OutputError, ParameterError
from occupy_core.commands.scale.emdb import DownloadError, entry_number, fetch_emdb

MAP = random.Random(0).randbytes(50_000)
PACKED = gzip.compress(MAP, mtime=0)
PATH = "/EMD-3061/map/emd_3061.map.gz"


class Archive(ThreadingHTTPServer):
    """Answers with `body`; `drop_after` bytes the connection breaks, `stall` makes it hang."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = PACKED
        self.stated = None
        self.drop_after = None
        self.status = 200
        self.requests = []
        self.stall = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests.append(self.path)
        if server.stall is not None:
            server.stall.wait(20)
            return
        if server.drop_after == -1:  # not even a status line
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        if self.path != PATH or server.status != 200:
            self.send_error(404 if self.path != PATH else server.status)
            return
        self.send_response(200)
        if server.stated != "":
            self.send_header("Content-Length", str(server.stated or len(server.body)))
        self.end_headers()
        self.wfile.write(server.body[: server.drop_after])

    def log_message(self, *args):
        pass


@pytest.fixture
def archive(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Archive()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(archive, folder, entry="3061", **options):
    return fetch_emdb(entry, folder, archive=archive.url, **options)


@pytest.mark.parametrize("text", ["3061", "EMD-3061", "emd_3061", "emd-3061", " EMD_3061 "])
def test_an_entry_is_known_in_every_spelling(text):
    assert entry_number(text) == "3061"


@pytest.mark.parametrize("text", ["", "abc", "12", "1234567", "EMDB-3061", "../3061", "3061.map"])
def test_what_is_no_entry_is_said(text):
    with pytest.raises(ParameterError, match="must be a number of 4 to 6 digits"):
        entry_number(text)


def test_the_map_is_unpacked_into_the_folder(archive, tmp_path):
    assert fetch(archive, tmp_path / "new") == tmp_path / "new" / "emd_3061.map"
    assert contents(tmp_path / "new") == {"emd_3061.map": MAP}


def test_a_map_that_is_there_is_not_fetched_again(archive, tmp_path):
    (tmp_path / "emd_3061.map").write_bytes(b"here")
    assert fetch(archive, tmp_path, "EMD-3061").read_bytes() == b"here"
    assert archive.requests == []


def test_progress_rises_to_one(archive, tmp_path):
    calls = []
    fetch(archive, tmp_path, progress=lambda fraction, text: calls.append((fraction, text)))
    fractions = [fraction for fraction, _ in calls]
    assert fractions == sorted(fractions)
    assert calls[-1] == (1.0, "fetched EMD-3061")


def test_a_size_that_is_not_stated_is_no_fault(archive, tmp_path):
    archive.stated = ""
    assert fetch(archive, tmp_path).read_bytes() == MAP


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"drop_after": 1000}, "EMD-3061 came with 1000 of|IncompleteRead"),
        ({"stated": "", "drop_after": 1000}, "is not a whole gzip file"),
        ({"stated": "", "drop_after": -4}, "is not a whole gzip file"),
        ({"body": PACKED[:-8] + bytes(8)}, "is not a whole gzip file"),
        ({"body": b"<html>not here</html>"}, "is not a whole gzip file"),
        ({"body": PACKED[:20_000] + bytes(50) + PACKED[20_050:]}, "is not a whole gzip file"),
        ({"drop_after": -1}, "EMD-3061 could not be fetched .*; check the network"),
        ({"status": 503}, "answered 503 .*; try again later"),
    ],
)
def test_what_is_not_whole_is_said_and_leaves_nothing(archive, tmp_path, fault, sentence):
    vars(archive).update(fault)
    with pytest.raises(DownloadError, match=sentence):
        fetch(archive, tmp_path)
    assert contents(tmp_path) == {}


def test_an_entry_that_does_not_exist_is_said(archive, tmp_path):
    with pytest.raises(DownloadError, match=r"^EMDB has no map EMD-9999 .*; check the number\.$"):
        fetch(archive, tmp_path, "9999")
    assert contents(tmp_path) == {}


def test_a_machine_without_network_is_said(archive, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(DownloadError, match=r"could not be fetched \(Connection refused\)"):
            fetch_emdb("3061", tmp_path, archive=url)
    assert contents(tmp_path) == {}


def test_an_archive_that_does_not_answer_is_given_up(archive, tmp_path):
    archive.stall = threading.Event()
    with pytest.raises(DownloadError, match=r"could not be fetched \(timed out\)"):
        fetch(archive, tmp_path, timeout=0.2)
    archive.stall.set()
    assert contents(tmp_path) == {}


def test_a_full_disk_is_said_and_leaves_nothing(archive, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("occupy_core.commands.scale.emdb.shutil.copyfileobj", full)
    with pytest.raises(OutputError, match=r"Nothing can be written into .*: No space left"):
        fetch(archive, tmp_path)
    assert contents(tmp_path) == {}


def test_the_next_attempt_after_a_broken_one_succeeds(archive, tmp_path):
    archive.drop_after = 1000
    with pytest.raises(DownloadError):
        fetch(archive, tmp_path)
    archive.drop_after = None
    assert fetch(archive, tmp_path).read_bytes() == MAP
