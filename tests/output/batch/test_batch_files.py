"""What BATCH files hold: the bytes of the RECORD messages' records, split and compressed as the config says."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from helpers.support import Output, config_of, run_here
from singer_sdk.batch import BaseBatcher, Batcher

from tap_servicetitan.output.batch import jsonl_file
from tap_servicetitan.simulator import Simulator

MAPS = {"stream_maps": {"bookings": {"name": None, "kind": "customerType"}, "copy": {"__source__": "bookings"}}}
FLATTENING = {"flattening_enabled": True, "flattening_max_depth": 2}


class Envelope(msgspec.Struct):
    """A RECORD message; the record's bytes as they are."""

    type: str
    stream: str = ""
    record: msgspec.Raw = msgspec.Raw()


def batch(folder: Path, compression: str, size: int = 25) -> dict[str, Any]:
    encoding = {"format": "jsonl", "compression": compression}
    return {"batch_config": {"encoding": encoding, "storage": {"root": folder.as_uri()}, "batch_size": size}}


def files(run: Output, stream: str) -> list[Path]:
    """The files of a stream, in the order of their messages."""
    manifests = [message["manifest"] for message in run.of_type("BATCH") if message["stream"] == stream]
    return [Path(url.removeprefix("file://")) for (url,) in manifests]


def lines(run: Output, stream: str) -> list[bytes]:
    """The records of RECORD messages."""
    messages = msgspec.json.Decoder(Envelope).decode_lines(run.stdout.encode())
    return [bytes(one.record) for one in messages if one.type == "RECORD" and one.stream == stream]


@pytest.mark.parametrize("way", [{}, MAPS, FLATTENING, {**MAPS, **FLATTENING}])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_files_have_the_bytes_of_records(
    way: dict[str, Any], compression: str, simulate: Callable[..., Simulator], tmp_path: Path
) -> None:
    simulator = simulate(page_size=10, records=60)
    opened = gzip.decompress if compression == "gzip" else bytes

    plain = run_here(config_of(simulator, **way), "bookings")
    run = run_here(config_of(simulator, **way, **batch(tmp_path, compression)), "bookings")

    for stream in ["bookings", *(["copy"] if "stream_maps" in way else [])]:
        written = b"".join(opened(file.read_bytes()) for file in files(run, stream))
        assert written.splitlines() == lines(plain, stream)
        assert len(lines(plain, stream)) == 60
    assert run.bookmark("bookings")["continue_from"] == plain.bookmark("bookings")["continue_from"]
    assert {"".join(file.suffixes[-2:]) for file in tmp_path.iterdir()} == {
        ".json.gz" if compression == "gzip" else ".json"
    }


def test_files_have_at_most_the_size_of_a_batch(simulate: Callable[..., Simulator], tmp_path: Path) -> None:
    run = run_here(config_of(simulate(page_size=10, records=60), **batch(tmp_path, "none")), "bookings")

    # The third and the sixth page make it thirty records.
    assert [len(file.read_bytes().splitlines()) for file in files(run, "bookings")] == [25, 5, 25, 5]


def test_files_are_the_same_without_isal(
    simulate: Callable[..., Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows(compressor: ModuleType) -> bytes:
        monkeypatch.setattr(jsonl_file, "fast", compressor)
        folder = tmp_path / compressor.__name__
        run = run_here(config_of(simulator, **batch(folder, "gzip", 100)), "bookings")
        return b"".join(gzip.decompress(file.read_bytes()) for file in files(run, "bookings"))

    simulator = simulate(page_size=10, records=60)

    assert rows(pytest.importorskip("isal.isal_zlib")) == rows(zlib)


def test_files_of_another_format_get_the_same_records(
    simulate: Callable[..., Simulator], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listing(BaseBatcher):
        def get_batches(self, records: Iterator[dict[str, Any]]) -> Iterator[list[str]]:
            given.append(list(records))
            yield ["file"]

    given: list[list[dict[str, Any]]] = []
    monkeypatch.setattr(Batcher, "get_batcher", lambda *_: Listing)
    simulator = simulate(page_size=10, records=60)
    settings = batch(tmp_path, "none")
    settings["batch_config"]["encoding"]["format"] = "parquet"

    plain = run_here(config_of(simulator), "bookings")
    run = run_here(config_of(simulator, **settings), "bookings")

    records = [record for one in given for record in one]
    assert [msgspec.json.encode(record) for record in records] == lines(plain, "bookings")
    assert list(map(len, given)) == [30, 30]
    assert [message["manifest"] for message in run.of_type("BATCH")] == [["file"], ["file"]]


def test_parquet_files_have_every_record(simulate: Callable[..., Simulator], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    settings = batch(tmp_path, "none")
    settings["batch_config"]["encoding"]["format"] = "parquet"

    run = run_here(config_of(simulate(page_size=10, records=60), **settings), "bookings")

    rows = [row for file in files(run, "bookings") for row in parquet.read_table(file).to_pylist()]
    assert len(rows) == len({row["id"] for row in rows}) == 60
