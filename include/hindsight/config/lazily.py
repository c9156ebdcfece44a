"""Forms of which a document needs a part: only that is made.

A file names few of the detectors, notifiers and metrics that there are, and to make the models of all of them
would be most of what a DAG costs to parse.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, GetPydanticSchema, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Lazily:
    """An annotation: a value is read by the form of its part, and the JSON Schema shows the `whole`.

    `part` says of a value which part it needs, `form` makes one that no value has needed before.
    """

    def __init__(
        self, part: Callable[[Any], Hashable], form: Callable[[Any], Any], whole: Callable[[], Any]
    ) -> None:
        self._part = part
        self._form = form
        self._made: dict[Hashable, TypeAdapter[Any]] = {}
        self.whole = whole

    def read(self, value: Any) -> Any:
        """The value as the form of its part reads or refuses it."""
        part = self._part(value)
        if part not in self._made:
            self._made[part] = TypeAdapter(self._form(part))
        return self._made[part].validate_python(value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(TypeAdapter(self.whole()).core_schema)


def of_type(kind: str, form: Any) -> Any:
    """A form chosen by `type`: pydantic's choice among one, so places and refusals are those of many."""

    def schema(_: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.tagged_union_schema({kind: handler.generate_schema(form)}, discriminator="type")

    return Annotated[Any, GetPydanticSchema(schema)]
