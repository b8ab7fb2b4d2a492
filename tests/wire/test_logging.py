"""The logger ``skytells_nb`` tells at DEBUG what is done and why, and nothing that opens a door."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

import skytells_nb as sky

from .server import KEY, PICTURE, RawApi


def test_every_request_wait_and_decision_is_logged_without_key_and_signed_url(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with RawApi(seconds=0.1) as api, sky.Archive(tmp_path) as archive:
        api.signature = "?X-Amz-Signature=0f0f0f0f"
        api.upset("create", "closes after")
        api.upset("get", "503")
        api.upset("file", "500")
        caplog.set_level(logging.DEBUG, logger="skytells_nb")
        with sky.Client(KEY, base_url=api.url, archive=archive) as client:
            made = client.predictions.create("truefusion", {"prompt": "a lighthouse"})
    said = "\n".join(record.getMessage() for record in caplog.records if record.name == "skytells_nb")
    for part in (
        "POST /predictions: dropped",
        "in doubt",
        "GET /predictions: 200",
        f"found as {made.id}",
        "waiting for 1 predictions; next read in",
        f"GET /predictions/{made.id}: 503",
        "output from 127.0.0.1: its server refused it (500)",
        "again in",
        f"output from 127.0.0.1: {len(PICTURE)} bytes",
    ):
        assert part in said, said
    assert KEY not in said
    assert "X-Amz-Signature" not in said
