"""The commands and the code of docs/simulator.md, run as they stand there against a simulator on another port."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml

from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.__main__ import _parser

BIN = Path(sys.executable).parent

OWN_SIMULATOR = ("servicetitan-simulator",)
"""Commands that start a simulator themselves."""


@pytest.fixture
def document(pytestconfig: pytest.Config) -> str:
    return (pytestconfig.rootpath / "docs" / "simulator.md").read_text()


@pytest.fixture
def simulator(document: str) -> Iterator[Simulator]:
    """The simulator that the first command of the document starts, on a free port."""
    (options,) = re.findall(r"^\$ servicetitan-simulator (--port 8080 .*) &$", document, re.MULTILINE)
    parsed = _parser().parse_args(shlex.split(options))
    with Simulator(records=parsed.records) as simulator:
        yield simulator


def blocks(document: str, language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", document, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def on_the_port(simulator: Simulator, text: str) -> str:
    return text.replace("localhost:8080", simulator.url.removeprefix("http://"))


def test_commands_print_what_the_document_shows(document: str, simulator: Simulator, tmp_path: Path) -> None:
    """All run in one shell, in turn; a mark after each command separates what they print."""
    transcript = "".join(blocks(document, "console"))
    parts = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", transcript, re.MULTILINE)
    parts = [(command, shown) for command, shown in parts if not command.startswith(OWN_SIMULATOR)]
    script = "".join(f"{command}\necho; echo ---\n" for command, _ in parts)

    done = subprocess.run(
        ["/bin/bash", "-e", "-o", "pipefail"],
        input=f'PATH="{BIN}:$PATH"\n{on_the_port(simulator, script)}',
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    printed = [part.strip() for part in done.stdout.split("---\n")]
    assert len(parts) > 10
    assert printed[:-1] == [shown.strip() for _, shown in parts]


def test_python_reads_a_feed_to_its_end(document: str, simulator: Simulator, tmp_path: Path) -> None:
    (code,) = [block for block in blocks(document, "python") if "import requests" in block]
    (tmp_path / "read.py").write_text(on_the_port(simulator, code))
    done = subprocess.run([sys.executable, tmp_path / "read.py"], capture_output=True, text=True, check=True)

    assert done.stdout == "200 bookings\n"


def test_test_in_the_document_passes_with_a_pipeline(document: str) -> None:
    (code,) = [block for block in blocks(document, "python") if "import Simulator" in block]
    arrived: dict[str, int] = {}

    def run_pipeline(_: object) -> None:
        arrived["bookings"] = 220 if arrived else 200

    names: dict[str, object] = {"run_pipeline": run_pipeline, "count": lambda stream: arrived[stream]}
    exec(code, names)  # noqa: S102  what the document shows
    test = names["test_bookings_arrive"]
    assert callable(test)
    test()


def test_services_start_the_simulator_with_options_that_it_has(document: str) -> None:
    (compose,) = [one for one in map(yaml.safe_load, blocks(document, "yaml")) if "pipeline" in one.get("services", ())]
    service = compose["services"]["servicetitan"]
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", service["build"]["dockerfile_inline"], re.MULTILINE)
    command: list[str] = [*yaml.safe_load(entry), *service["command"]]

    parsed = _parser().parse_args(command[1:])
    assert (BIN / command[0]).exists()
    assert (parsed.host, parsed.port) == ("0.0.0.0", 8080)  # noqa: S104  inside the container
    environment = compose["services"]["pipeline"]["environment"]
    assert environment["TAP_SERVICETITAN_API_URL"] == f"http://servicetitan:{parsed.port}"
    (check,) = service["healthcheck"]["test"][3:]
    with Simulator(records=1) as simulator:
        subprocess.run([sys.executable, "-c", on_the_port(simulator, check)], check=True)


def test_a_page_of_control_paths_names_all_of_them(document: str, simulator: Simulator) -> None:
    (known,) = re.findall(r"there are (.*)\.", requests.get(f"{simulator.url}/simulator/", timeout=10).json()["error"])
    table = document.partition("| Path |")[2].partition("\n\n")[0]
    named = {name.partition("?")[0] for name in re.findall(r"`((?:GET|POST) /simulator/[^`]*)`", table)}

    assert named == set(known.split(", "))
