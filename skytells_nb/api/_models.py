"""``client.models``: what can be asked of the API about its models, blocking and awaited."""

from __future__ import annotations

from ..models import Model, ModelList
from ._model_list import get_model, list_models
from ._resource import Resource, blocking

__all__ = ["AsyncModels", "Models"]


class AsyncModels(Resource):
    """List models, and read one with its schemas; every method is a coroutine."""

    async def list(self) -> ModelList:
        """List the models that the key may use, with live pricing.

        Returns
        -------
        ModelList
            A real list, which also finds a model by its slug.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.list()["truefusion"].type
        'image'
        """
        return await self._on_loop(list_models(self._connection))

    async def get(self, slug: str) -> Model:
        """Read one model, with its input and output schemas.

        Parameters
        ----------
        slug : str
            The model's slug, such as ``"truefusion-pro"``.

        Raises
        ------
        NotFoundError
            There is no such model.

        Examples
        --------
        >>> import skytells_nb as sky
        >>> with sky.Sandbox() as sandbox, sandbox.client() as client:
        ...     client.models.get("truefusion").input_schema["required"]
        ['prompt']
        """
        return await self._on_loop(get_model(self._connection, slug))


class Models(Resource):
    """List models, and read one with its schemas; every call returns when it is done."""

    list = blocking(AsyncModels.list)
    get = blocking(AsyncModels.get)
