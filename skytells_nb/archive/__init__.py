"""What was made, kept: a folder people can open, an index, and where every file came from."""

from __future__ import annotations

from ._archive import Archive
from ._as_input import LARGEST, LIMIT, prepare, read_open_file
from ._database import DamagedIndexError
from ._download import form_of
from ._files import INDEX, THUMBNAILS
from ._index import Stored, from_micros, replace_surrogates, to_micros
from ._load_save import again, archive_of, load, local_file, rate_prediction, rating_of, save
from ._metadata import read_provenance
from ._serialize import Rating, decode_data_uri, elide_data_uris
from ._votes import Preference, Vote

__all__ = [
    "INDEX",
    "LARGEST",
    "LIMIT",
    "THUMBNAILS",
    "Archive",
    "DamagedIndexError",
    "Preference",
    "Rating",
    "Stored",
    "Vote",
    "again",
    "archive_of",
    "decode_data_uri",
    "elide_data_uris",
    "form_of",
    "from_micros",
    "load",
    "local_file",
    "prepare",
    "rate_prediction",
    "rating_of",
    "read_open_file",
    "read_provenance",
    "replace_surrogates",
    "save",
    "to_micros",
]
