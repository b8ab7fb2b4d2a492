"""`load` and `save`: an output in Python or in a file, from the archive, else from its URL while it lives.

`again` asks once more for what a prediction, or the file of one, was made with, with changes.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._storage import replacing, write_to
from ..aio import run
from ..api import (
    AsyncClient,
    Client,
    Connection,
    client_of,
    connections,
    download_bytes,
    find_reusable,
    get_model,
)
from ..checks import check_path, check_whole
from ..exceptions import InvalidInputError, NetworkError, OutputExpiredError, SkytellsError
from ..filetypes import FILE_TYPES, HEAD, extension, file_type, sniff
from ..models import Prediction, is_gone
from ..pictures import FORMATS, PictureError, encode
from ._archive import Archive
from ._download import form_of
from ._files import SIDECAR, day_and_stem
from ._metadata import BrokenImageError, embed, read_provenance
from ._serialize import Rating, canonical, decode_data_uri, record_of
from ._writer import read_record

if TYPE_CHECKING:
    from PIL.Image import Image


def again(
    source: Prediction | str | os.PathLike[str],
    /,
    *,
    client: Client | AsyncClient | None = None,
    reuse: bool | None = None,
    **changes: Any,
) -> Prediction:
    """Create a prediction like an earlier one, with changes.

    Parameters
    ----------
    source : Prediction or path
        The earlier one; or a file from an archive, wherever it is now, which says itself how it was made.
    client : Client or AsyncClient, optional
        The newest open one of the API that made it, else the newest; ``sky.connect()`` when there is none.
    reuse : bool, optional
        Whether to look in the client's archive first; None leaves it to ``sky.options.reuse``.
    **changes
        Inputs to change or add; None leaves one out.

    Returns
    -------
    Prediction
        The new one.

    Raises
    ------
    InvalidInputError
        There is no such file, or nothing says what it was made with. Nothing was sent.
    PredictionError, SkytellsError
        As a create raises them.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.05) as sandbox, sandbox.client() as client:
    ...     fox = client.predictions.create("truefusion", {"prompt": "a red fox", "seed": 7})
    ...     sky.again(fox, seed=8, client=client).input
    {'prompt': 'a red fox', 'seed': 8}
    """
    made = source if isinstance(source, Prediction) else _described(source)
    if not made.input or _lost(made.input):  # what lies beside the outputs may be whole
        found = _ask_archives(None, lambda archive: archive.get(made.id, made.origin))
        made = next((kept for _, kept in found if kept is not None and kept.input), made)
    if not made.model or not made.input:
        raise InvalidInputError(
            f"Nothing says what {_name(source)} was made with. Use client.predictions.create."
        )
    changed = {**made.input, **changes}
    input = {name: value for name, value in changed.items() if value is not None or name not in changes}
    if lost := _lost(input):
        raise InvalidInputError(
            f"{_name(source)} was made with a file that is not kept. Pass it: "
            f"again(…, {', '.join(f'{name}=…' for name in lost)})."
        )
    if client is None:
        same = (each for each in connections() if not each.closed and each.origin == made.origin)
        connection = next(same, None)
        client = client_of(None) if connection is None else Client.of(connection)
    return run(_made_again(client.connection, made.model, input, reuse))


async def _made_again(
    connection: Connection, model: str, input: dict[str, Any], reuse: bool | None
) -> Prediction:
    """Make a prediction; a text model, whose inputs have messages, is asked by its own route."""
    if "messages" in input or "input" in input:
        route = (await get_model(connection, model)).text_route
        if route == "chat" or route == "responses":
            from ..api import ask_for_prediction  # which who asks no text model shall not wait for

            kept = await find_reusable(connection, model, input, reuse)
            return kept or await ask_for_prediction(connection, route, model, input)
    made: Prediction = await AsyncClient.of(connection).predictions.create(model, input, reuse=reuse)
    return made


def _described(path: str | os.PathLike[str]) -> Prediction:
    if not isinstance(path, str | os.PathLike):
        raise InvalidInputError(
            f"again takes a prediction, or the path of a file, not a {type(path).__name__}."
        )
    record = read_provenance(os.fspath(path))
    if record is None:
        raise InvalidInputError(
            f"{os.fspath(path)} does not say how it was made. Files of an archive do, and those of sky.save."
        )
    return Prediction(
        id=str(record.get("id")),
        status="succeeded",
        model=record.get("model"),
        input=record.get("input"),
        origin=record.get("origin"),
    )


def _lost(input: Mapping[str, Any]) -> list[str]:
    """List the inputs that were files and are only notes of them."""
    lost = []
    for name, value in input.items():
        try:
            canonical(value)
        except ValueError:
            lost.append(name)
    return lost


def _name(source: object) -> str:
    return f"prediction {source.id}" if isinstance(source, Prediction) else str(source)


_log = logging.getLogger("skytells_nb")

T = TypeVar("T")
Place: TypeAlias = "str | os.PathLike[str]"
ArchiveLike: TypeAlias = "Archive | str | os.PathLike[str] | bool | None"


def load(prediction: Prediction, index: int = 0, *, archive: ArchiveLike = None) -> Image | bytes | str:
    """Open one output: a PIL image, a text, or the bytes of anything else.

    Parameters
    ----------
    prediction : Prediction
        Whose output.
    index : int
        Which one, counted from 0; negative counts from the last.
    archive : Archive, path or bool, optional
        Where to look besides the prediction's own ``files``; unless given, the default archive and those of
        the clients at hand.

    Raises
    ------
    OutputExpiredError
        The API has deleted it, and no archive has it.
    NetworkError
        It cannot be downloaded just now.
    InvalidInputError
        There is no such output, or opening it would exhaust memory.

    Examples
    --------
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client() as client:
    ...     made = client.predictions.create("truefusion", {"prompt": "a red fox in snow"})
    ...     sky.load(made).format
    'PNG'
    """
    _check(prediction, "load")
    position = position_of(prediction, index)
    path = local_file(prediction, position, archive)
    data = _fetch(prediction, position) if path is None else _read(path)
    media_type = sniff(data[:HEAD])
    if (
        media_type is None
        and position < len(prediction.output or ())
        and form_of(prediction, position) == "text"
    ):
        media_type = "text/plain"  # of no word, or with a control character
    if media_type in ("image/svg+xml", "application/json") or (media_type or "").startswith("text/"):
        return data.decode("utf-8-sig", "replace")
    if (media_type or "").startswith("image/"):
        return _picture(data, f"{path or 'the output'}")
    return data


def _picture(data: bytes, name: str) -> Image | bytes:
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            picture.filename = name  # so that it is known again when it is an input
            return picture
    except UnidentifiedImageError:
        return data
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInputError(
            f"{name} is too large to open: {error} The file is kept. Raise PIL.Image.MAX_IMAGE_PIXELS if you "
            "trust it."
        ) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise SkytellsError(f"{name} is a damaged image: {error}. The file was left as it is.") from error


def local_file(prediction: Prediction, position: int, archive: ArchiveLike = None) -> Path | None:
    """Find the file of one output on this computer; None where there is none."""
    amount = len(prediction.output or ())
    if not amount or len(prediction.files) == amount:
        if position < len(prediction.files) and prediction.files[position].is_file():
            return prediction.files[position]
    else:  # some are missing, so a file's place among the others says nothing; the JSON beside it does
        for path in prediction.files:
            record = read_record(path.with_name(path.name + SIDECAR))
            if record.get("output_index") == position and path.is_file():
                return path
    for keeper, outputs in _ask_archives(archive, lambda it: it.outputs(prediction.id, prediction.origin)):
        for stored in outputs:
            kept = keeper.file(stored) if stored.position == position else None
            if kept is not None and kept.is_file():
                return kept
    return None


def rate_prediction(
    prediction: Prediction, stars: int | None = None, *, tags: Iterable[str] = (), note: str = ""
) -> Rating:
    """Keep what you think of a prediction, in the archive that has it; see `Archive.rate`."""
    archive = archive_of(prediction)
    if archive is not None:
        return archive.rate(prediction, stars, tags=tags, note=note)
    raise InvalidInputError(
        f"Prediction {prediction.id} is in no archive, so there is no place for its rating. connect() and "
        "Client(archive=True) keep what is made."
    )


def rating_of(prediction: Prediction) -> Rating:
    """Return what somebody thought of a prediction; an empty rating where no archive has it."""
    archive = archive_of(prediction)
    return Rating() if archive is None else archive.rating(prediction)


def archive_of(prediction: Prediction, archive: ArchiveLike = None) -> Archive | None:
    """Find the archive that has a prediction; None where none has it."""
    return next((it for it, has in _ask_archives(archive, lambda each: prediction in each) if has), None)


def _ask_archives(archive: ArchiveLike, question: Callable[[Archive], T]) -> Iterator[tuple[Archive, T]]:
    """Ask each archive that may have a prediction: that which is named, else the default and those in use.

    A listing says nothing of files. The client that it came from may keep them where it was told to. One that
    cannot be read, and that nobody named, is passed over: the output may still be had elsewhere.
    """
    chosen = Archive.resolve(archive)
    if chosen is not None:
        yield chosen, question(chosen)
    for own in Archive.in_use() if archive is None else ():
        try:
            if own is not chosen:
                yield own, question(own)
        except SkytellsError as error:
            _log.debug("%s was not asked for a prediction: %s", own, error)


def position_of(prediction: Prediction, index: int) -> int:
    """Return the place of an output, counted from the start; refuses one that is not there."""
    index = check_whole("index", index)
    amount = len(prediction.output or ()) or len(prediction.files)
    if -amount <= index < amount:
        return index % amount
    if amount:
        has = f"has {amount} output{'s' if amount > 1 else ''}, so there is no output {index}"
    elif is_gone(prediction) and prediction.status == "succeeded":
        raise _expired(prediction)
    else:
        has = f"has no output: it is {prediction.status}" + (
            f", {prediction.error}" if prediction.error else ""
        )
    raise InvalidInputError(f"Prediction {prediction.id} {has}.")


def _fetch(prediction: Prediction, position: int) -> bytes:
    output = (prediction.output or [""])[position] if prediction.output else ""
    if not output:
        raise _expired(prediction)
    form = form_of(prediction, position)
    if form == "text":
        return output.encode("utf-8", "replace")
    if form == "data":
        try:
            return decode_data_uri(output)
        except ValueError as error:
            raise SkytellsError(
                f"The output of prediction {prediction.id} cannot be read: {error}."
            ) from error
    if is_gone(prediction):
        raise _expired(prediction)
    try:
        data = download_bytes(output, prediction.origin)
    except OutputExpiredError as error:
        raise _expired(prediction) from error
    if sniff(data[:HEAD]) == "text/html":
        raise NetworkError(
            f"The server of prediction {prediction.id} sent a web page instead of the output. Try again "
            "within 5 minutes of its end."
        )
    return data


def _expired(prediction: Prediction) -> OutputExpiredError:
    return OutputExpiredError(
        f"The output of prediction {prediction.id} has expired (the API keeps outputs for about 5 minutes) "
        "and is in no archive. Use connect() or Client(archive=True), which keep outputs as they are made.",
        prediction=prediction,
    )


def save(
    prediction: Prediction, path: Place, index: int | None = None, *, archive: ArchiveLike = None
) -> list[Path]:
    """Copy outputs to a folder or a file of your own, and return the paths.

    Parameters
    ----------
    prediction : Prediction
        Whose outputs.
    path : str or Path
        A folder (one that is there, or a name without an ending), or a file. Further outputs get
        ``-2``, ``-3`` and so on. A picture is converted, upright and in sRGB, when the ending asks for
        another format (PNG, JPEG, WebP, GIF, TIFF, BMP, AVIF); anything else is copied byte for byte. What
        is there is replaced.
    index : int, optional
        Only this output.
    archive : Archive, path or bool, optional
        Where to look besides the prediction's own ``files``.

    Raises
    ------
    OutputExpiredError, NetworkError, InvalidInputError
        As `load` does. Nothing is left half written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import skytells_nb as sky
    >>> with sky.Sandbox(seconds=0.1) as sandbox, sandbox.client() as client:
    ...     made = client.predictions.create("truefusion", {"prompt": "a red fox in snow"})
    ...     with tempfile.TemporaryDirectory() as folder:
    ...         [p.name for p in sky.save(made, pathlib.Path(folder) / "fox.png")]
    ['fox.png']
    """
    _check(prediction, "save")
    target = check_path("path", path)
    amount = len(prediction.output or ()) or len(prediction.files) or 1
    positions = range(amount) if index is None else [position_of(prediction, index)]
    into_folder = not target.suffix
    with suppress(OSError, ValueError):  # writing it will say why
        into_folder = into_folder or target.is_dir()
    saved: list[Path] = []
    for number, wanted in enumerate(positions):
        position = position_of(prediction, wanted)
        found = local_file(prediction, position, archive)
        data = _fetch(prediction, position) if found is None else _read(found)
        ending = extension(sniff(data[:HEAD]))
        more = f"-{number + 1}" if number else ""
        if into_folder:
            stem = day_and_stem(prediction, datetime.now().astimezone())[1]
            place_at = target / (found.name if found else f"{stem}{more}{ending}")
        else:
            place_at = target.with_name(f"{target.stem}{more}{target.suffix}")
            data, came = _converted(data, target.suffix.lower()), data
            if data is not came:  # a new file, which says nothing yet of where it came from
                found = None
        if found is None:
            with suppress(BrokenImageError):
                data = embed(data, record_of(prediction, position))
        _write(place_at, data)
        saved.append(place_at)
    return saved


def _check(prediction: object, name: str) -> None:
    """Refuse what is no prediction, and say what to do with what it is."""
    if isinstance(prediction, Prediction):
        return
    if isinstance(prediction, list | tuple):
        hint = f"call it for each: [sky.{name}(p, …) for p in predictions]"
    else:
        hint = "client.predictions.get(id) or archive.get(id) gives one"
    raise InvalidInputError(f"sky.{name} takes one Prediction, not a {type(prediction).__name__}; {hint}.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _converted(data: bytes, suffix: str) -> bytes:
    """Write a picture in the format that a name asks for; whatever else is asked for, it stays as it is.

    A file never gets the name of a picture that it does not hold.
    """
    from PIL import Image

    kind, wanted = file_type(data), FORMATS.get(suffix)
    is_image = kind.kind == "image"
    named = next((each.kind for each in FILE_TYPES.values() if each.extension == suffix), "other")
    foreign = named not in ("text", "other", kind.kind) and kind.kind != "other"  # such as a clip's
    meant = wanted
    if is_image or kind.media_type == "text/html":  # a page that came in the place of a picture
        meant = meant or Image.registered_extensions().get(suffix)
    if not (meant or foreign) or meant in kind.pillow or suffix == kind.extension:
        return data
    if wanted is None or not is_image or kind.media_type == "image/svg+xml":
        own = ".svg" if is_image and not kind.pillow else kind.extension
        raise InvalidInputError(
            f"The output is {kind.name}, and cannot be saved as {suffix}. Use {own}, or a folder."
        )
    try:
        return encode(data, wanted)
    except PictureError as error:
        raise InvalidInputError(
            f"The picture cannot be saved as {suffix}: {error} It is not harmed."
        ) from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            write_to(temporary, data)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InvalidInputError(
            f"{path} could not be written: {why}. Choose another path; the output is not harmed."
        ) from error
