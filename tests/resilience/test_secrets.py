"""No log level shows a secret, no log shows a record, and credentials are sent to their own host only."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from helpers.raw import TOKEN, RawServer, feed, http
from helpers.support import RAISES_IN_LEADS, TAP, Output, Tap, config_of, run_here

import tap_servicetitan
from tap_servicetitan.simulator import Simulator

SECRETS = ("cs2.s3cret/+", "ak1.s3cret/+", "tok3n.s3cret/+")
"""Client secret, app key and access token."""

QUOTED_SECRETS = tuple(map(quote_plus, SECRETS))
"""The same, as forms and URLs encode them."""

VALUES = ("Dana Scully", "4111-1111", "17.4711")
"""Values that only records contain."""

RECORD = {"id": 1, "name": VALUES[0], "balance": 17.4711, "modifiedOn": "2025-01-01T00:00:00Z", "active": True}
ODD = {"id": VALUES[1], "name": [VALUES[0]], "balance": VALUES[1], "unknown": VALUES[0], "modifiedOn": VALUES[1]}
QUOTED = http(
    json.dumps({"title": f"{SECRETS}, {QUOTED_SECRETS}", "traceId": SECRETS[2], "errors": [VALUES[0]]}).encode(),
    "400 B",
)

ANSWERS: dict[str, bytes] = {
    "records": feed(RECORD, ODD),
    "an error that quotes what it was sent": QUOTED,
    "401": http(json.dumps(RECORD).encode(), "401 U"),
    "403": http(b"", "403 F"),
    "a redirect": http(b"", "302 F", Location=f"https://example.com/?t={SECRETS[2]}"),
    "HTML": http(f"<html>{VALUES[0]} {SECRETS[2]}".encode(), Content_Type=f"text/html; {SECRETS[2]}"),
    "a record in place of the page": http(json.dumps(RECORD).encode()),
    "half a page": http(feed(RECORD)[120:]),
    "no continueFrom": feed(RECORD, more=True, continue_from=None),
}
PATHS: dict[str, dict[str, Any]] = {
    "maps": {"stream_maps": {"customers": {"name": "str(name)", "__filter__": "name"}}},
    "flattening": {"flattening_enabled": True, "flattening_max_depth": 2},
}
LOGGING = """
version: 1
disable_existing_loggers: false
formatters: {json: {(): singer_sdk.logging.StructuredFormatter}}
handlers: {console: {class: logging.StreamHandler, formatter: json, stream: ext://sys.stderr}}
root: {level: DEBUG, handlers: [console]}
"""


def assert_silent(run: Output) -> None:
    assert run.log
    for secret in SECRETS + QUOTED_SECRETS:
        assert secret not in run.stdout
        assert secret not in run.log
    for value in VALUES:
        assert value.lower() not in run.log.lower()


@pytest.fixture
def debugging(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make the executable log everything, twice: as lines and as JSON."""
    (tmp_path / "logging.yml").write_text(LOGGING)
    monkeypatch.setenv("TAP_SERVICETITAN_LOGLEVEL", "DEBUG")
    monkeypatch.setenv("SINGER_SDK_LOG_CONFIG", str(tmp_path / "logging.yml"))


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "client_secret": SECRETS[0], "st_app_key": SECRETS[1], "requests_per_second": 10_000}


def answering(answer: bytes) -> RawServer:
    return RawServer(lambda _: answer, lambda: http(TOKEN.replace(b"tok3n.raw", SECRETS[2].encode())))


@pytest.mark.usefixtures("debugging")
@pytest.mark.parametrize("path", ["fast", *PATHS])
def test_executable_shows_no_secret_and_logs_no_record_at_debug(tap: Tap, path: str) -> None:
    with answering(ANSWERS["records"]).listening() as config:
        run = tap({**settings_of(config), **PATHS.get(path, {})})

    assert run.code == 0
    assert '"level":"debug"' in run.log
    assert VALUES[0].lower() in run.stdout.lower()
    assert_silent(run)


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_fault_shows_a_secret_or_a_record(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with answering(answer).listening() as config:
        run = run_here(settings_of(config), "customers")

    assert run.code == (0 if answer is ANSWERS["records"] else 1)
    assert_silent(run)


@pytest.mark.usefixtures("debugging")
@pytest.mark.parametrize(
    "command", ["--about", "--about --format=json", "--discover", "--test", "--check-access", "--version"]
)
def test_other_commands_show_no_secret(tap: Tap, command: str) -> None:
    with answering(QUOTED).listening() as config:
        run = tap(settings_of(config), *command.split())

    assert_silent(Output(run.code, run.stdout, run.log or "-"))


@pytest.mark.usefixtures("debugging")
def test_unexpected_exception_shows_no_secret_and_no_record(tap: Tap) -> None:
    code = RAISES_IN_LEADS.replace("leads", "customers").replace("Jane Doe, 12 Main St", " ".join(SECRETS + VALUES))
    with answering(ANSWERS["records"]).listening() as config:
        arguments = tap.command(settings_of(config))[1:]
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)

    assert "Unexpected KeyError" in done.stderr
    assert_silent(Output(done.returncode, done.stdout, done.stderr))


GARBAGE = [
    '[{"client_secret": "cs2.s3cret/+"',
    '{"client_secret": "cs2.s3cret/+"}',
    '[{"client_secret": 5, "x": "cs2.s3cret/+"}]',
]


@pytest.mark.usefixtures("debugging")
@pytest.mark.parametrize("text", GARBAGE)
def test_invalid_config_is_not_quoted(tap: Tap, monkeypatch: pytest.MonkeyPatch, text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    monkeypatch.setenv("TAP_SERVICETITAN_TENANTS", text)

    for config in ("ENV", str(tmp_path / "config.json")):
        done = tap.run([TAP, "--config", config])

        assert done.code
        assert "Traceback" not in done.log
        assert_silent(done)


@pytest.mark.parametrize("who", ["machine 127.0.0.1", "default"])
def test_credentials_of_a_netrc_file_are_not_sent(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, who: str
) -> None:
    (tmp_path / "netrc").write_text(f"{who} login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    run = run_here(config_of(simulator), "bookings")

    assert run.code == 0
    token, *others = simulator.requests
    assert "authorization" not in token.headers
    assert all(request.headers["authorization"].startswith("Bearer ") for request in others)


def test_plain_http_uses_no_proxy(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = RawServer(lambda _: feed())
    with proxy.listening() as there:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, there["api_url"])
        run = run_here(config_of(simulator), "bookings")

    assert run.counts() == {"bookings": 60}
    assert proxy.seen == []


PEM = Path(__file__).parent / "tls.pem"
"""Made for these tests: signed by itself, for 127.0.0.1."""


@pytest.mark.parametrize(
    ("settings", "environment"),
    [
        ({}, {}),
        ({"verify": False, "ssl_verify": False, "verify_ssl": False}, {}),
        ({}, {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "", "PYTHONHTTPSVERIFY": "0", "SSL_CERT_FILE": ""}),
    ],
)
def test_tls_is_verified_with_any_settings(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    server = RawServer(lambda _: feed(RECORD), tls=PEM)
    with server.listening() as config:
        run = run_here({**config, **settings}, "customers")

    assert run.code == 1
    assert "the TLS certificate was not accepted (127.0.0.1)" in run.log
    assert server.seen == []


def test_certificate_that_the_environment_names_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(PEM))
    with RawServer(lambda _: feed(RECORD), tls=PEM).listening() as config:
        run = run_here(config, "customers")

    assert run.code == 0
    assert len(run.records("customers")) == 1


def turning_verification_off(folder: Path) -> list[str]:
    """Return the modules in a folder, and below it, that mention TLS without verification."""
    sources = list(folder.rglob("*.py"))
    assert sources
    return [
        str(source.relative_to(folder))
        for source in sources
        if re.search(r"\bverify\b|CERT_NONE|InsecureRequest", source.read_text())
    ]


def test_nothing_in_the_code_turns_verification_off() -> None:
    assert turning_verification_off(Path(tap_servicetitan.__file__).parent) == []


def test_verification_turned_off_in_a_subfolder_is_found(tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "session.py").write_text("session.verify = False\n")
    (tmp_path / "tap.py").write_text("import requests\n")

    assert turning_verification_off(tmp_path) == ["client/session.py"]


def test_ids_of_parents_are_in_no_log(simulate: Callable[..., Simulator], caplog: pytest.LogCaptureFixture) -> None:
    simulator = simulate(sizes={"contacts": 5})
    caplog.set_level("DEBUG")
    simulator.misbehave("error", stream="contact_relationships")

    run = run_here(config_of(simulator), "contact_relationships")

    ids = [record["id"] for record in simulator.records("contacts")]
    assert "stream contact_relationships: the API answered 500" in run.log
    assert ids
    assert not [each for each in ids if each in run.log]


def test_debug_log_shows_requests_without_their_headers(
    simulate: Callable[..., Simulator], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator = simulate()
    caplog.set_level("DEBUG")
    monkeypatch.setenv("TAP_SERVICETITAN_LOGLEVEL", "DEBUG")
    simulator.misbehave("unauthorized", after=1)

    run = run_here(config_of(simulator), "bookings")

    tokens = {request.headers["authorization"].split()[1] for request in simulator.requests if request.stream}
    assert len(tokens) == 2
    assert '"endpoint":"export/bookings"' in run.log
    assert not [token for token in tokens if token in run.log]
    assert simulator.config["client_secret"] not in run.log
    assert simulator.config["st_app_key"] not in run.log
