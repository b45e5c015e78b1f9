"""The house: who imports whom, how large a file and a folder are, which words are used."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

import tap_servicetitan

PACKAGE = Path(tap_servicetitan.__file__).parent
"""Where the tap is installed: the checkout, or a wheel."""

TESTS = Path(__file__).parents[1]
DOCS = TESTS.parent / "docs"

FACTS = ("endpoints", "schemas")
"""What the simulator may import, beside itself."""

MOST_LINES = 300
MOST_MODULES = 12

LONG = {"endpoints/table.py"}
"""The table of all streams is one file, however many they are."""

AT_MOST = {"long modules": 0, "names twice": 0, "files with words": 0}
"""How many there still are of what there is to be none of."""

TWICE = {"__init__.py", "__main__.py"}
"""File names that mean the same in every folder."""

WORDS = re.compile(
    r"\b(told|tells|lest|mend|handed|misfits?|heed|nevertheless|but for|(?:as (?:it|they) came)|lets one)\b",
    re.IGNORECASE,
)
"""Words that a reader whose first language is not English stumbles over."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE.name, cache_dir=None)


def circles(graph: grimp.ImportGraph) -> list[set[str]]:
    """Return the groups of modules of which each imports all others, by whatever way."""
    reach = {module: {*graph.find_downstream_modules(module), module} for module in graph.modules}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph.modules}
    return [set(group) for group in groups if len(group) > 1]


def room(module: str) -> str:
    """Return the folder or file of the package that a module is in."""
    return module.split(".")[1] if "." in module else ""


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    assert circles(graph) == []


def test_circle_of_three_modules_is_found() -> None:
    graph = grimp.ImportGraph()
    for importer, imported in (("a", "b"), ("b", "c"), ("c", "a"), ("a", "d")):
        graph.add_import(importer=importer, imported=imported)

    assert circles(graph) == [{"a", "b", "c"}]


def test_facts_import_nothing_and_the_simulator_only_facts(graph: grimp.ImportGraph) -> None:
    imports = {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if room(importer) != room(imported)
    }

    assert [imported for importer, imported in imports if importer == "endpoints"] == []
    assert {imported for importer, imported in imports if importer == "simulator"} <= set(FACTS)
    assert [importer for importer, imported in imports if imported == "simulator"] == []


def modules(folder: Path) -> dict[str, Path]:
    """Return the Python files in a folder, and in those below it, by their path from there."""
    return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*.py"))}


def long_modules(folder: Path) -> list[str]:
    return [name for name, file in modules(folder).items() if len(file.read_text().splitlines()) > MOST_LINES]


def full_folders(folder: Path) -> list[str]:
    counts = Counter(str(Path(name).parent) for name in modules(folder) if Path(name).name not in TWICE)
    return [name for name, count in counts.items() if count > MOST_MODULES]


def names_twice(folder: Path) -> list[str]:
    counts = Counter(Path(name).name for name in modules(folder))
    return [name for name, count in counts.items() if count > 1 and name not in TWICE]


def words(files: Iterator[Path]) -> dict[str, list[str]]:
    """Return the words that are to be avoided, by the file that holds them."""
    found = {str(file): WORDS.findall(file.read_text()) for file in files}
    return {name: hits for name, hits in found.items() if hits}


def test_modules_are_short() -> None:
    found = [*(set(long_modules(PACKAGE)) - LONG), *long_modules(TESTS)]

    assert len(found) <= AT_MOST["long modules"], found


def test_folders_have_a_dozen_modules_at_most() -> None:
    assert [*full_folders(PACKAGE), *full_folders(TESTS)] == []


def test_file_names_are_not_used_twice() -> None:
    found = names_twice(PACKAGE)

    assert len(found) <= AT_MOST["names twice"], found


def test_words_that_readers_stumble_over_are_not_used() -> None:
    files = (file for folder in (PACKAGE, TESTS, DOCS) for file in folder.rglob("*.*"))
    found = words(file for file in files if file.suffix in {".py", ".md", ".yml"} and file != Path(__file__))

    assert len(found) <= AT_MOST["files with words"], found


def test_checks_of_length_number_names_and_words_find_subfolders(tmp_path: Path) -> None:
    for name in ("client", "streams/deep"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "client" / "errors.py").write_text("'Mend it, as it came.'\n" * 301)
    (tmp_path / "streams" / "deep" / "errors.py").write_text("pass\n")
    for number in range(13):
        (tmp_path / "streams" / "deep" / f"m{number}.py").write_text("pass\n")

    assert long_modules(tmp_path) == ["client/errors.py"]
    assert full_folders(tmp_path) == ["streams/deep"]
    assert names_twice(tmp_path) == ["errors.py"]
    assert set(words(iter(modules(tmp_path).values()))[str(tmp_path / "client" / "errors.py")]) == {
        "Mend",
        "as it came",
    }
