"""What the documents say is true."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import duckdb
import pytest
import yaml
from helpers.support import SDK_SETTINGS, config_of, run_here

import tap_servicetitan
from tap_servicetitan import schemas
from tap_servicetitan.endpoints import joins, table
from tap_servicetitan.schemas.files import fields
from tap_servicetitan.settings import CONFIG_JSONSCHEMA
from tap_servicetitan.simulator import Simulator
from tap_servicetitan.simulator.__main__ import _parser
from tap_servicetitan.simulator.api.faults import FaultKind
from tap_servicetitan.simulator.api.report_operations import REPORT_OPERATIONS

PACKAGE = Path(tap_servicetitan.__file__).parent
"""Where the tap is installed: the checkout, or a wheel."""


@pytest.fixture
def root(pytestconfig: pytest.Config) -> Path:
    return pytestconfig.rootpath


def test_list_of_streams_is_that_of_the_table(root: Path) -> None:
    printed = subprocess.run(
        [sys.executable, root / "scripts" / "streams.py"], capture_output=True, text=True, check=True
    )

    assert (root / "STREAMS.md").read_text() == printed.stdout


def test_lists_of_settings_are_those_of_the_definitions(root: Path) -> None:
    script = [sys.executable, str(root / "scripts" / "settings.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def _documented_settings(document: Path) -> dict[str, str]:
    rows = [line.split("|") for line in document.read_text().splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): row[2].strip(" `") for row in rows}


def test_settings_page_names_every_setting_with_its_default_and_the_readme_names_ten(root: Path) -> None:
    documented = _documented_settings(root / "docs" / "settings.md")
    settings = {name: each for name, each in CONFIG_JSONSCHEMA["properties"].items() if name not in SDK_SETTINGS}

    assert set(documented) == {*settings, *SDK_SETTINGS}
    for name, setting in settings.items():
        assert documented[name].lower() == str(setting.get("default", "")).lower()
    of_readme = _documented_settings(root / "README.md")
    assert len(of_readme) == 10
    assert of_readme.items() <= documented.items()


def _documents(root: Path) -> list[Path]:
    return [
        *root.glob("*.md"),
        *(file for each in ("docs", "benchmarks", "tests") for file in root.glob(f"{each}/*.md")),
    ]


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    for document in _documents(root):
        for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", document.read_text()):
            target = document.parent / path if path else document
            assert target.exists(), f"{document.name}: {path}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
                slugs = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
                assert anchor in slugs, f"{document.name}: {path}#{anchor}"


def test_site_and_readme_lead_to_every_page(root: Path) -> None:
    pages = {f"docs/{page.name}" for page in root.glob("docs/*.md")}

    assert pages - set(re.findall(r"docs/[\w-]+\.md", (root / "mkdocs.yml").read_text())) == set()
    assert pages - set(re.findall(r"\]\((docs/[\w-]+\.md)", (root / "README.md").read_text())) == set()


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md", "tests/README.md"])
def test_files_and_folders_that_the_maps_name_exist(root: Path, document: str) -> None:
    named = set(re.findall(r"`([\w./-]+(?:/|\.(?:py|json|yml|toml|txt)))`", (root / document).read_text()))
    places = (root, root / ".github" / "workflows", PACKAGE, PACKAGE.parent)

    assert len(named) > 5
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


def test_picture_of_the_architecture_has_every_folder_and_file_of_the_package(root: Path) -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)```", (root / "docs" / "architecture.md").read_text(), re.DOTALL)
    folders = [f"{init.parent.name}/" for init in PACKAGE.glob("*/__init__.py")]
    files = [file.name for file in PACKAGE.glob("[!_]*.py")]

    assert sorted([*folders, *files]) == sorted(re.findall(r"\b\w+(?:/|\.py)", picture))


def test_helpers_that_the_readme_of_the_tests_names_exist(root: Path) -> None:
    rows = [line for line in (root / "tests" / "README.md").read_text().splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`(\w+)[`(]", row.split("|")[2])}
    code = "".join(file.read_text() for file in [*root.glob("tests/helpers/**/*.py"), root / "tests" / "conftest.py"])

    assert len(named) > 10
    assert [name for name in sorted(named) if not re.search(rf"(def|class) {name}\b", code)] == []


def test_every_document_begins_with_the_question_that_it_answers(root: Path) -> None:
    for document in [
        *root.glob("docs/*.md"),
        root / "CONTRIBUTING.md",
        root / "SECURITY.md",
        root / "tests" / "README.md",
    ]:
        first = re.split(r"\n#+ ", document.read_text())[0 if document.name != "SECURITY.md" else 1]
        assert "?" in first, document.name


ELSEWHERE = {
    *("client_secret", "max_active_runs", "max_active_tis_per_dag", "max_concurrent_runs"),
    *(
        "continue_from",
        "full_read",
        "no_rows",
        "parent_page",
        "parents_newest",
        "parents_seen",
        "parents_since",
        "pass_from",
    ),
    *("replication_key", "replication_key_value"),
    *("database_uri", "primary_key_required", "process_activate_version_messages"),
    *("dagster_tenants", "airflow_tenants"),
    *("add_metadata_columns", "format_parquet", "get_schema_from_tap", "normalise_casing", "timestamp_type"),
    *("address__city", "__key_properties__"),
    *("report_query", "report_query_result", "report_query_cancellation", "not_found", "has_more"),
}
"""Names in the documents that belong to bookmarks, Meltano, targets, orchestrators and the simulator."""


def test_streams_settings_and_fields_that_documents_name_exist(root: Path) -> None:
    ours = {endpoint.name for endpoint in table.TABLE} | set(CONFIG_JSONSCHEMA["properties"])
    columns = {name for endpoint in table.TABLE for name in schemas.load(endpoint)["properties"]}
    loaders = yaml.safe_load((root / "meltano.yml").read_text())["plugins"]["loaders"]
    settings = {setting["name"] for loader in loaders for setting in loader.get("settings", [])}
    others = {
        *("adding-a-stream.md", "coming-from-tap-service-titan.md"),
        *("custom-reports.md", "extra-streams.md", "settings.md"),
    }

    named = {
        name: document.name
        for document in root.glob("docs/*.md")
        if document.name not in others
        for name in re.findall(r"`([a-z]+_[a-z_]+)(?:: [^`]*)?`", document.read_text())
    }

    simulator = {*get_args(FaultKind), *(operation.name for operation in REPORT_OPERATIONS)}
    known = ours | columns | settings | simulator | SDK_SETTINGS | ELSEWHERE
    assert not {name: where for name, where in named.items() if name not in known}


def test_joins_that_the_data_page_lists_are_those_of_the_schemas(root: Path) -> None:
    entries = {endpoint.name: dict(fields(schemas.load(endpoint))) for endpoint in table.TABLE}
    rows = re.findall(r"^\| `(\w+)` \| (.*→.*) \|$", (root / "docs" / "data.md").read_text(), re.MULTILINE)

    listed = [(stream, *join) for stream, cell in rows for join in re.findall(r"`([\w.]+(?:\[\])?)` → `(\w+)`", cell)]
    assert sum(cell.count("→") for _, cell in rows) == len(listed) > 80
    for stream, path, target in listed:
        assert path in entries[stream], f"{stream}.{path}"
        assert joins.target(stream, path) == target, f"{stream}.{path}"


def test_query_of_the_data_page_gives_what_the_page_shows(root: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```console\nD (.*?)```", (root / "docs" / "data.md").read_text(), re.DOTALL)
    query, _, shown = block.partition(";")
    streams = ("bookings", "jobs", "job_types", "invoices")
    with Simulator(rate_limit=0) as simulator, duckdb.connect() as connection:
        run = run_here(config_of(simulator), *streams)
        for stream in streams:
            file = tmp_path / f"{stream}.json"
            file.write_text(json.dumps(run.records(stream)))
            connection.execute(f"CREATE TABLE {stream} AS FROM read_json('{file}', sample_size = -1)")
        rows = connection.execute(query).fetchall()

    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    assert [list(map(str, row)) for row in rows] == cells[2:]


def templates(folder: Path) -> Iterator[str]:
    """Yield every text in the code of a folder and of those below it, with § for what is filled in."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "§" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.sub(r"%[.\d]*[sdfg]", "§", node.value)


def test_messages_in_the_troubleshooting_are_those_of_the_code(root: Path) -> None:
    text = (root / "docs" / "operations.md").read_text().partition("## Troubleshooting")[2]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    quoted = [message for cell in cells for message in re.findall(r"`([^`]+)`", cell)]

    assert len(quoted) > 25
    assert in_no_code(quoted, PACKAGE) == []


def in_no_code(messages: list[str], folder: Path) -> list[str]:
    """Return the messages that no code in a folder, or below it, can write."""
    code = {re.sub(r"§+", "§", template) for template in templates(folder)}

    def general(message: str) -> str:
        return re.sub(r"'\w+'", "'§'", re.sub(r"\d+", "§", message))

    return [each for each in messages if not any(each in text or general(each) in text for text in code)]


def test_message_is_found_in_a_subfolder_and_missed_when_the_code_changes(tmp_path: Path) -> None:
    (tmp_path / "client").mkdir()
    (tmp_path / "client" / "errors.py").write_text("f'The API answered {status}: {text}'\n")

    assert in_no_code(["The API answered 403", "The API said 403"], tmp_path) == ["The API said 403"]


def test_documented_commands_and_yaml_can_be_read(root: Path) -> None:
    text = "\n".join(document.read_text() for document in _documents(root))
    simulators = re.findall(r"servicetitan-simulator((?: --[\w-]+ [\w.]+)+)", text)
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)

    assert len(simulators) > 2
    for options in simulators:
        _parser().parse_args(options.split())
    assert len(blocks) > 2
    for block in blocks:
        assert yaml.safe_load(block)


def test_examples_select_streams_and_settings_that_exist(root: Path) -> None:
    (tap,) = yaml.safe_load((root / "examples" / "meltano.yml").read_text())["plugins"]["extractors"]

    assert {name.removesuffix(".*") for name in tap["select"]} <= {endpoint.name for endpoint in table.TABLE}
    assert {setting["name"] for setting in tap["settings"]} <= set(CONFIG_JSONSCHEMA["properties"])


def test_documents_install_what_the_makefile_installs(root: Path) -> None:
    text = "\n".join(document.read_text() for document in _documents(root))
    pins = set(re.findall(r"'([\w-]+~=[\d.]+)'", text))

    assert len(pins) > 2
    assert all(pin in (root / "Makefile").read_text() for pin in pins)
