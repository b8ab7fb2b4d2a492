"""`Rater`: which prediction is to be rated now, and what was said of each; every word is kept at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..archive import Archive, Rating, archive_of
from ..exceptions import InvalidInputError, warn_user
from ..formatting import format_count
from ..models import Drawn, Prediction, PredictionList

if TYPE_CHECKING:
    from ._widgets import RaterWidget


def rate(predictions: Prediction | Iterable[Prediction], *, archive: Archive | None = None) -> Rater:
    """Rate predictions one after the other, with stars, tags and a note.

    As a cell's last line it shows a large picture at a time. The keys 1 to 5 give stars, ``x`` rejects,
    ``u`` undoes, and the arrows go back and on. Each key is saved in the archive, and one that was stopped
    goes on with what is not rated yet.

    Parameters
    ----------
    predictions : Prediction, or iterable of them
        What to rate, such as ``archive.predictions()``, or an archive.
    archive : Archive, optional
        The one that has them; the default one and those of the clients at hand unless given.

    Returns
    -------
    Rater
        In code: ``.current``, ``.rate(4, tags=["cover"])``, ``.next()``, ``.previous()`` and ``.undo()``.

    Raises
    ------
    InvalidInputError
        There are none, or none of them is in an archive.

    Examples
    --------
    >>> import tempfile
    >>> import skytells_nb as sky
    >>> with tempfile.TemporaryDirectory() as folder, sky.Sandbox(seconds=0.05) as sandbox:
    ...     with sky.Archive(folder) as archive, sandbox.client(archive=archive) as client:
    ...         fox = client.predictions.create("truefusion-edge", {"prompt": "a red fox"})
    ...         rater = sky.rate([fox], archive=archive)
    ...         rater.rate(5, tags=["cover"])
    ...         rater, len(archive.predictions(min_rating=4))
    (<Rater: 1 of 1 prediction rated>, 1)
    """
    return Rater(predictions, archive=archive)


class Watched(Drawn):
    """What is shown as a widget, which hears of every change, as does whoever else asked to."""

    widget: cached_property[Any]

    def __init__(self) -> None:
        self._listeners: list[Callable[[], object]] = []

    def observe(self, listener: Callable[[], object]) -> None:
        """Call a function whenever something was said, or something else is to be looked at."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    def _draw(self) -> dict[str, Any]:
        bundle: dict[str, Any] = self.widget.mimebundle()
        return bundle


class Rater(Watched):
    """Predictions to rate, one after the other; made by ``sky.rate``. All are in ``predictions``."""

    def __init__(
        self, predictions: Prediction | Iterable[Prediction], *, archive: Archive | None = None
    ) -> None:
        super().__init__()
        given: Any = [predictions] if isinstance(predictions, Prediction) else predictions
        found = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
        if wrong := [each for each in found if not isinstance(each, Prediction)]:
            raise InvalidInputError(
                f"rate takes predictions, not a {type(wrong[0]).__name__}; archive.predictions() lists some."
            )
        once = {(each.origin, each.id): each for each in found}
        homes = [(each, archive_of(each, archive)) for each in once.values()]
        self._homes = [(each, home) for each, home in homes if home is not None]
        lost = len(homes) - len(self._homes)
        if not self._homes:
            raise InvalidInputError(
                "None of these predictions is in an archive, so there is no place for their ratings."
                if lost
                else "There is nothing to rate: pass predictions, such as archive.predictions()."
            )
        if lost:
            warn_user(
                f"{lost:,} of {format_count(len(homes), 'prediction')} are in no archive, so they cannot be "
                "rated, and are left out."
            )
        self.predictions = PredictionList(each for each, _ in self._homes)
        self._done: list[tuple[int, Rating, Rating]] = []
        self._rated = [self._read(at).stars is not None for at in range(len(self._homes))]
        self._at = self._rated.index(False) if False in self._rated else len(self._homes)

    @property
    def current(self) -> Prediction | None:
        """The prediction to be rated now; None after the last."""
        return self.predictions[self._at] if self._at < len(self.predictions) else None

    @property
    def rating(self) -> Rating:
        """What is kept of the current one: ``stars``, ``tags`` and ``note``; empty where nothing is."""
        return Rating() if self.current is None else self._read(self._at)

    @property
    def progress(self) -> tuple[int, int]:
        """How many are rated, and of how many."""
        return sum(self._rated), len(self._rated)

    def rate(
        self, stars: int | None, *, tags: Iterable[str] | None = None, note: str | None = None
    ) -> Prediction | None:
        """Keep what you think of the current one, and go on to the next that is not rated.

        Parameters
        ----------
        stars : int or None
            1 to 5; 0 rejects it; None takes the stars back.
        tags, note : iterable of str, str, optional
            What to keep besides; what is there already stays unless given.

        Returns
        -------
        Prediction or None
            The one that is current now; None after the last.

        Raises
        ------
        InvalidInputError
            The stars are none, or there is no current one.
        """
        self._keep(stars, tags, note)
        left = [at for at, rated in enumerate(self._rated) if not rated]
        self._at = next((at for at in left if at > self._at), left[0] if left else len(self._rated))
        self._tell()
        return self.current

    def describe(self, *, tags: Iterable[str] | None = None, note: str | None = None) -> None:
        """Keep tags or a note of the current one, and stay at it.

        Parameters
        ----------
        tags, note : iterable of str, str, optional
            What is there already stays unless given.
        """
        self._keep(self.rating.stars, tags, note)
        self._tell()

    def next(self) -> Prediction | None:
        """Go on by one, without a rating; returns what is current then."""
        return self._go(self._at + 1)

    def previous(self) -> Prediction | None:
        """Go back by one; returns what is current then."""
        return self._go(self._at - 1)

    def undo(self) -> Prediction | None:
        """Take back what was kept last, and go back to that prediction; does nothing at the beginning.

        What somebody else has kept of it meanwhile stays.
        """
        if self._done:
            self._at, before, kept = self._done.pop()
            if self._read(self._at) == kept:
                self._write(self._at, before)
            else:
                warn_user("It was rated elsewhere meanwhile, and that stays. Rate it again to change it.")
        self._tell()
        return self.current

    @cached_property
    def widget(self) -> RaterWidget:
        """The widget that a cell shows."""
        from ._widgets import RaterWidget

        return RaterWidget(self)

    def _keep(self, stars: int | None, tags: Iterable[str] | None, note: str | None) -> None:
        if self.current is None:
            raise InvalidInputError("That was the last one; previous() goes back.")
        at, before = self._at, self.rating
        words = before.tags if tags is None else (tags,) if isinstance(tags, str) else tuple(tags)
        self._write(at, Rating(stars, words, before.note if note is None else note))
        self._done.append((at, before, self._read(at)))

    def _read(self, at: int) -> Rating:
        prediction, home = self._homes[at]
        return home.rating(prediction)

    def _write(self, at: int, rating: Rating) -> None:
        prediction, home = self._homes[at]
        home.rate(prediction, rating.stars, tags=rating.tags, note=rating.note)
        self._rated[at] = rating.stars is not None

    def _go(self, at: int) -> Prediction | None:
        self._at = min(max(at, 0), len(self.predictions))
        self._tell()
        return self.current

    def __len__(self) -> int:
        return len(self.predictions)

    def __repr__(self) -> str:
        done, total = self.progress
        return f"<Rater: {done:,} of {format_count(total, 'prediction')} rated>"
