"""Numbers and text of a page: unchanged where JSON and Unicode allow it, refused or replaced where not."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
import pytest

from tap_servicetitan.output.decoder import Decoder, FeedPage
from tap_servicetitan.output.record_types import record_type
from tap_servicetitan.output.violations import SchemaViolations


@pytest.mark.parametrize(
    "number", ["12.10", "0.1", "3", "-0.0", "1234567890.1234567890123456789", "9223372036854775808", "1E+400"]
)
def test_numbers_are_written_unchanged(number: str) -> None:
    struct = record_type({"properties": {"price": {"type": ["number", "null"]}}})
    body = b'{"data":[{"price":%s}],"hasMore":false}' % number.encode()

    page = Decoder(FeedPage, struct, SchemaViolations("x", logging.getLogger()))(body)

    assert msgspec.json.Encoder(decimal_format="number").encode(page.data[0]) == b'{"price":%s}' % number.encode()


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
def test_literals_that_are_not_json_are_refused(literal: str) -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger()))

    with pytest.raises(msgspec.DecodeError):
        decode(b'{"data":[{"price":%s}],"hasMore":false}' % literal.encode())


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        (rb'"a\ud800b"', "a\ufffdb"),
        (rb'"\udc00"', "\ufffd"),
        (rb'"\ud83d\udca7"', "\U0001f4a7"),
        (rb'"\ud83d\udca7 \ud800"', "\U0001f4a7 \ufffd"),
        (rb'"\\ud800 \udc00"', "\\ud800 \ufffd"),
        (rb'"\\ud83d\udc00"', "\\ud83d\ufffd"),
        (rb'"\ud800\ud83d\udca7\udca7"', "\ufffd\U0001f4a7\ufffd"),
        (b'"caf\xe9"', "caf\ufffd"),
        (rb'"a\u0000b"', "a\ufffdb"),
        (rb'"\\u0000"', "\\u0000"),
        (rb'"\\\u0000\ud800"', "\\\ufffd\ufffd"),
    ],
)
def test_text_that_is_not_unicode_loses_a_character_and_not_its_page(
    sent: bytes, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger("tests")))

    page = decode(b'{"data":[{"name":%s}],"hasMore":false}' % sent)

    assert page.data == [{"name": written}]
    assert ("replaced by U+FFFD" in caplog.text) == ("\ufffd" in written)


def test_page_that_is_cut_is_refused() -> None:
    decode: Decoder[Any] = Decoder(FeedPage, dict[str, Any], SchemaViolations("x", logging.getLogger()))

    with pytest.raises(msgspec.DecodeError):
        decode(b'{"data":[{"name":"\\ud800')
