"""A real server on a real folder of runs, asked by friends and by others."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from report_fixtures import NANO, RecordBuilder, comparison, nano_run

from harness.record import MeterStatus, load_run
from reports.server.under_way import under_way
from reports.server.working import locked_inodes
from tests.patience import HANG_S

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SECRET = "the-secret-beside-the-results"


class Served:
    """A server process, its port, and ways to ask it."""

    def __init__(self, folder):
        self.process = started(folder, "0")
        self.told = self.process.stderr.readline().decode("utf-8")
        self.port = int(re.search(r":(\d+)/", self.told).group(1))

    def raw(self, data):
        with socket.create_connection(("127.0.0.1", self.port), timeout=HANG_S) as link:
            link.sendall(data)
            link.shutdown(socket.SHUT_WR)
            parts = []
            while True:
                part = link.recv(65536)
                if not part:
                    return b"".join(parts)
                parts.append(part)

    def ask(self, target, method="GET", host="localhost", more=""):
        data = "{} {} HTTP/1.1\r\nHost: {}\r\n{}\r\n".format(method, target, host, more).encode("latin-1")
        head, _, body = self.raw(data).partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:]), body.decode("ascii")


def started(folder, port):
    return subprocess.Popen([sys.executable, "-m", "reports.server", str(folder), "--port", port], cwd=ROOT,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Results with a run, one under ``reference``, a broken one, and what leads outside."""
    above = tmp_path_factory.mktemp("above")
    root = above / "results"
    for folder in ("mine", "reference/kept", "of \u00fc & <b>"):
        (root / folder).mkdir(parents=True)
        nano_run(root / folder)
    (root / "broken").mkdir()
    (root / "broken" / "record.jsonl").write_text('{"kind": "run", "format": 2}\n')
    (root / "no-run").mkdir()
    (root / "no-run" / "notes.txt").write_text(SECRET)
    (above / "secret.txt").write_text(SECRET)
    (above / "outside").mkdir()
    nano_run(above / "outside")
    os.symlink(str(above / "outside"), str(root / "linked-folder"))
    (root / "linked-record").mkdir()
    os.symlink(str(above / "outside" / "record.jsonl"), str(root / "linked-record" / "record.jsonl"))
    (root / "pipe").mkdir()
    os.mkfifo(str(root / "pipe" / "record.jsonl"))
    return root


@pytest.fixture(scope="module")
def served(results):
    server = Served(results)
    yield server
    server.process.kill()
    server.process.communicate()


def test_the_list_names_every_run_with_suite_device_state_and_headline(served):
    status, _, page = served.ask("/")
    assert status == 200
    assert "<h1 class=\"long\">4 runs</h1>" in page
    for folder in ("/runs/mine", "/runs/reference/kept", "/runs/broken", "/runs/of%20%C3%BC%20%26%20%3Cb%3E"):
        assert 'href="{}"'.format(folder) in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    row = re.search(r'<tr data-state="complete">.*?mine.*?</tr>', page).group()
    assert "Jetson Nano" in row and ">paper<" in row and "is 1." in row


def test_a_broken_record_is_one_sentence_on_the_list_and_no_fault_of_the_server(served):
    row = re.search(r'<tr data-state="unreadable">.*?</tr>', served.ask("/")[2]).group()
    assert "line 1" in row
    status, _, text = served.ask("/runs/broken")
    assert status == 422 and "line 1" in text and text.count("\n") == 1


def test_a_page_is_the_one_that_report_writes_with_a_way_back(served, results):
    from reports.findings import findings
    from reports.formats.page import render_page

    status, _, page = served.ask("/runs/mine")
    assert status == 200
    assert page == render_page(findings(load_run(str(results / "mine"))), home="/")
    assert '<a href="/">All runs</a>' in page and "http-equiv=\"refresh\"" not in page


HOSTILE = ["/../secret.txt", "/runs/../../secret.txt", "/runs/%2e%2e/%2e%2e/secret.txt", "/runs/..%2f..%2fsecret.txt",
           "/runs/%252e%252e/secret.txt", "//secret.txt", "/runs//etc/passwd", "/runs/%2Fetc%2Fpasswd", "/etc/passwd",
           "/runs/linked-folder", "/runs/linked-record", "/runs/pipe", "/runs/no-run", "/runs/no-run/notes.txt",
           "/runs/mine/record.jsonl", "/runs/mine%00", "/runs/", "/runs/reference", "/runs/mine/../mine",
           "/runs/./mine", "http://localhost/", "file:///etc/passwd", "/runs/%ff%fe", "/runs/..%5c..%5csecret.txt",
           "*", "/?from=-1", "/?from=99999999999999999999", "/?from=%00", "//[", "/runs/" + "a" * 5000]


@pytest.mark.parametrize("target", HOSTILE)
def test_nothing_outside_the_folder_and_no_file_in_it_is_given_out(served, target):
    status, _, text = served.ask(target)
    assert status in (400, 404) or target.startswith("/?") and status == 200
    assert SECRET not in text and "root:x:" not in text
    assert (status == 200) == ("<html" in text)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "_send"])
def test_nothing_but_get_and_head_is_understood(served, method):
    status, headers, _ = served.ask("/", method, more="Content-Length: 0\r\n")
    assert status == 405 and headers["Allow"] == "GET, HEAD"


def test_head_gives_the_headers_of_get_alone(served):
    status, headers, body = served.ask("/runs/mine", "HEAD")
    assert status == 200 and body == ""
    assert headers["Content-Length"] == str(len(served.ask("/runs/mine")[2]))


@pytest.mark.parametrize("target", ["/", "/runs/mine", "/nothing"])
def test_every_answer_carries_the_headers_that_shut_it_in(served, target):
    headers = served.ask(target)[1]
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ") and "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "")
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:9", 200), ("LOCALHOST:1", 200),
    ("evil.example", 403), ("localhost.evil.example:8000", 403), ("127.0.0.1.evil.example", 403), ("", 403)])
def test_a_foreign_name_that_points_here_is_refused(served, host, status):
    assert served.ask("/", host=host)[0] == status


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / NONSENSE/1.0\r\n\r\n",
    b"\x16\x03\x01\x02\x00\r\n\r\n",
    b"GET " + b"/a" * 70000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    b"GET /<script>alert(1)</script> HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /\r\n"])
def test_what_is_no_request_hurts_nobody(served, data):
    reply = served.raw(data)
    assert b"<script>" not in reply and b"Traceback" not in reply and b" 200 " not in reply
    assert served.ask("/")[0] == 200


@pytest.mark.parametrize("data", [b"GET " + b"/a" * 70000, b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 30000])
def test_whoever_sends_more_than_is_read_gets_the_answer_and_no_reset(served, data):
    with socket.create_connection(("127.0.0.1", served.port), timeout=HANG_S) as link:
        link.sendall(data)
        reply = link.recv(65536)
        while link.recv(65536):
            pass                          # the server has said all it has to say...
        link.sendall(b"and more")         # ...and takes what is still on its way
        link.shutdown(socket.SHUT_WR)     # which fails on a connection that was reset
    assert re.match(br"HTTP/1\.0 4(14|31) ", reply)


def test_a_client_that_says_nothing_holds_nobody_up(served):
    for _ in range(20):  # it is hung up on after a while: an answer that took longer than that tells nothing
        with socket.create_connection(("127.0.0.1", served.port)) as silent:
            assert served.ask("/")[0] == 200
            silent.setblocking(False)
            try:
                assert silent.recv(1) == b""
            except BlockingIOError:
                return  # it still waits for us, and has answered meanwhile
    pytest.fail("nobody was answered while another said nothing")


def test_it_listens_on_the_loopback_address_alone(served):
    with open("/proc/net/tcp") as file:
        listening = {line.split()[1] for line in file if line.split()[3] == "0A"}
    assert [one for one in listening if one.endswith(":{:04X}".format(served.port))] == [
        "0100007F:{:04X}".format(served.port)]


def test_a_running_run_is_watched_as_its_record_grows(tmp_path):
    """The record is written, and locked, by this process, as a run does."""
    builder = RecordBuilder(tmp_path / "live", [comparison("one", "64 channels", "conv1x1", ["fwht fused"])],
                            passes=("verify", "time"), launches=2)
    served = Served(tmp_path)
    try:
        assert locked_inodes(), "this system does not list its locks"
        assert "0 of 3 units; now: verify one" in served.ask("/")[2]
        builder.verify("one")
        page = served.ask("/")[2]
        assert 'data-state="running"' in page and 'http-equiv="refresh"' in page
        assert "1 of 3 units, about" in page and "now: time one, launch 1" in page
        page = served.ask("/runs/live")[2]
        assert 'http-equiv="refresh"' in page and "Running: 1 of 3 units" in page and "fwht fused" in page
        with open(os.path.join(builder.folder, "record.jsonl"), "ab") as file:
            file.write(b'{"kind": "pass", "torn')     # in the middle of a write
        assert "1 of 3 units" in served.ask("/runs/live")[2]
        os.truncate(os.path.join(builder.folder, "record.jsonl"), builder.writer._size)
        builder.time("one", {"conv1x1": 4e-3, "fwht-fused": 2e-3}, launches=2)
        assert "3 of 3 units" in served.ask("/")[2]
        builder.writer.close()
        page = served.ask("/")[2]
        assert 'data-state="stopped"' in page and 'http-equiv="refresh"' not in page
    finally:
        served.process.kill()
        served.process.communicate()


def test_units_that_turned_out_not_to_be_needed_are_over(tmp_path):
    plan = [comparison(name, name, "conv1x1", ["fwht"]) for name in ("one", "two")]
    builder = RecordBuilder(tmp_path, plan, passes=("verify", "time"), launches=4)
    builder.verify("one")
    builder.time("one", {"conv1x1": 4e-3, "fwht": 4e-3}, launches=1)
    builder.verify("two")
    builder.writer.close()
    found = under_way(load_run(str(tmp_path)))
    assert (found.over, found.planned, found.now) == (6, 10, "time two, launch 1")
    assert found.left_s == pytest.approx(10.5 / 27 * 60)  # 10.5 s for 27 typical seconds; 4 launches of 15 left


@pytest.mark.parametrize("chosen, planned", [(True, 4), (False, 2)])
def test_energy_is_planned_only_where_a_meter_answers(tmp_path, chosen, planned):
    environment = NANO._replace(meters=(MeterStatus("tegrastats", "power", chosen, chosen),))
    builder = RecordBuilder(tmp_path, [comparison("one", "one", "conv1x1", ["fwht"])], environment=environment,
                            passes=("verify", "time", "energy"), launches=1)
    builder.writer.close()
    assert under_way(load_run(str(tmp_path))).planned == planned


def test_a_taken_port_is_one_sentence_that_names_another(served, tmp_path):
    result = started(tmp_path, str(served.port))
    told = result.communicate(timeout=HANG_S)[1].decode("utf-8")
    assert result.returncode == 2
    assert told == "Port {0} is taken by another program: name another with --port, such as --port {1}.\n".format(
        served.port, served.port + 1)


def test_no_folder_is_one_sentence(tmp_path):
    result = started(tmp_path / "none", "0")
    told = result.communicate(timeout=HANG_S)[1].decode("utf-8")
    assert result.returncode == 2 and told.startswith("There is no folder") and told.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(tmp_path, number):
    served = Served(tmp_path)
    assert "No run yet" in served.ask("/")[2]
    served.process.send_signal(number)
    told = served.process.communicate(timeout=HANG_S)[1].decode("utf-8")
    assert served.process.returncode == 0
    assert told.endswith("Stopped.\n") and "Traceback" not in told


def test_many_runs_come_a_page_at_a_time_the_newest_first(tmp_path):
    for number in range(30):
        RecordBuilder(tmp_path / "202603{:02d}-101500-run".format(number + 1),
                      [comparison("one", "one", "conv1x1", ["fwht"])]).writer.close()
    served = Served(tmp_path)
    try:
        first, second = served.ask("/")[2], served.ask("/?from=25")[2]
        names = [re.findall(r'href="/runs/(2026\d{4})', page) for page in (first, second)]
        assert names[0] == ["202603{:02d}".format(number) for number in range(30, 5, -1)]
        assert names[1] == ["202603{:02d}".format(number) for number in range(5, 0, -1)]
        assert 'href="/?from=25"' in first and 'href="/"' in second
    finally:
        served.process.kill()
        served.process.communicate()


def test_the_command_hands_over_to_the_server(tmp_path):
    process = subprocess.Popen([sys.executable, "-m", "harness", "serve", str(tmp_path), "--port", "0"], cwd=ROOT,
                               stderr=subprocess.PIPE, env=dict(os.environ, EDGE_BENCH_CALLER=str(tmp_path)))
    told = process.stderr.readline().decode("utf-8")
    assert str(tmp_path) in told and "http://127.0.0.1:" in told and "ssh -L" in told
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANG_S)
    assert process.returncode == 0
