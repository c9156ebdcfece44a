"""What a monitor's file may say, derived from the dataclasses it becomes.

`hindsight.domain.spec` and the registries say the types once.  From them this module makes pydantic
models that differ only in how a value is written: a horizon as `7d`, a duration as `6h`, a time as
`"06:00"`, a detector by its `type`.  Validation and the JSON Schema both come from these models.
"""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from functools import cache, cached_property, lru_cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, create_model

from hindsight.config.forms import (
    FORMS,
    KEYS,
    either,
    holed,
    listed,
    metric_form,
    one_of,
    said,
    text,
    union,
    words_of,
    written,
)
from hindsight.config.lazily import Lazily, of_type
from hindsight.config.prose import field_notes, summary
from hindsight.config.tree import HOLE, Path
from hindsight.detectors import DETECTORS
from hindsight.domain.spec import MonitorSpec, Reference
from hindsight.domain.values import Budget, Hours, Length
from hindsight.metrics import METRICS
from hindsight.notifiers import NOTIFIERS

DERIVED: Final = frozenset({(MonitorSpec, "hash"), (MonitorSpec, "basis")})
"""Fields that the loader fills, so not keys."""


class Grammar:
    """The models of a document for given registries."""

    def __init__(
        self, metrics: Iterable[str], detectors: Mapping[str, type], notifiers: Mapping[str, type]
    ) -> None:
        metric = metric_form(tuple(metrics))
        self._metrics = tuple(metrics)
        self._forms: dict[Any, Any] = {}
        self._models: dict[Any, type[BaseModel]] = {}
        self._keys = dict(KEYS) | {"metric": metric, "metrics": listed(metric), "also": listed(metric)}
        self._keys |= {"detectors": self._kinds(detectors), "notify": self._kinds(notifiers)}
        self.kinds: dict[Any, tuple[str, ...]] = {"detectors": tuple(detectors), "notify": tuple(notifiers)}
        """What `type` may be, by the key that holds the entries."""
        self.document = self._model(MonitorSpec)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Document in, `MonitorSpec` out; with holes in the document, a spec with holes."""
        return TypeAdapter(self._dataclass(MonitorSpec))

    def schema(self) -> dict[str, Any]:
        """JSON Schema of a whole monitor file, for editors, with the docstrings as help."""
        schema = self.document.model_json_schema()
        for (cls, *_), model in self._models.items():
            place = schema if model is self.document else schema["$defs"].get(model.__name__, {})
            for name, note in field_notes(cls).items():
                if name in place.get("properties", {}):
                    place["properties"][name]["description"] = note
        return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema

    def known_keys(self, path: Path) -> list[str]:
        """The keys of a mapping; `path` is pydantic's, which names an entry's kind after its index."""
        models = [self.document]
        for step in path:
            if isinstance(step, int):
                continue
            fields = [model.model_fields[step] for model in models if step in model.model_fields]
            if fields:
                forms = [part for field in fields for part in (field.annotation, *field.metadata)]
                models = [model for form in forms for model in _models_in(form)]
            else:  # the kind of an entry, or the name of one in a mapping
                models = [model for model in models if step in _kind(model)] or models
        return [key for model in models for key in model.model_fields]

    def _kinds(self, registry: Mapping[str, type]) -> Any:
        """A list of entries, each of the registered kind that its `type` names."""

        def kind_of(entry: Any) -> str:
            kind = entry.get("type") if isinstance(entry, Mapping) else None
            # What is of no kind is refused by each in the same words.
            return kind if isinstance(kind, str) and kind in registry else next(iter(registry))

        def form(kind: str) -> Any:
            return of_type(kind, self._dataclass(registry[kind], kind))

        def every() -> Any:
            kinds = [self._dataclass(cls, kind) for kind, cls in registry.items()]
            # One kind alone needs no telling apart, and pydantic refuses to.
            return Annotated[union(kinds), Field(discriminator="type")] if len(kinds) > 1 else kinds[0]

        return listed(holed(Annotated[Any, Lazily(kind_of, form, every)]))

    def _reference(self) -> Any:
        """What a window is compared with: days, or values of the metrics that it names."""

        def named(given: Any) -> tuple[str, ...]:
            return tuple(name for name in self._metrics if isinstance(given, Mapping) and name in given)

        def form(names: tuple[str, ...]) -> Any:
            return self._dataclass(Reference, fixed=names)

        return Annotated[Any, Lazily(named, form, lambda: form(self._metrics))]

    def _dataclass(self, cls: type, kind: str | None = None, fixed: tuple[str, ...] = ()) -> Any:
        model = self._model(cls, kind, fixed)

        def build(given: Any) -> Any:
            values = {
                name: getattr(given, name) for name in given.model_fields_set - ({"type"} if kind else set())
            }
            if numbers := {name: values.pop(name) for name in fixed if name in values}:
                values["values"] = numbers
            return _make(cls, values)

        return Annotated[model, AfterValidator(build)]

    def _model(self, cls: type, kind: str | None = None, fixed: tuple[str, ...] = ()) -> type[BaseModel]:
        key = cls, kind, fixed
        if key not in self._models:
            self._models[key] = create_model(
                cls.__name__,
                # A model that others hold is made into a validator with them, not once more by itself.
                __config__=ConfigDict(extra="forbid", protected_namespaces=(), defer_build=True),
                __doc__=summary(cls),
                **self._fields(cls, kind, fixed),
            )
        return self._models[key]

    def _fields(self, cls: type, kind: str | None, fixed: tuple[str, ...]) -> dict[str, Any]:
        hints = {name: hint for base in reversed(cls.__mro__) for name, hint in _hints(base).items()}
        fields: dict[str, Any] = {"type": (Literal[kind], Field())} if kind else {}
        for field in dataclasses.fields(cls):
            if not field.init or (cls, field.name) in DERIVED:
                continue
            hint = hints[field.name]
            form = self._keys.get((cls, field.name), self._keys.get(field.name))
            if form is None:
                form = self._form(hint)
            elif type(None) in get_args(hint):
                form = holed(form | None)
            fields[field.name] = (form, _requirement(field))
        if cls is Reference:
            # The one mapping whose keys stand beside the fields: `{start, end}` or `{accuracy: 0.95}`.
            del fields["values"]
            fields |= {name: (FORMS[float], Field(default_factory=lambda: None)) for name in fixed}
        return fields

    def _form(self, hint: Any) -> Any:
        """How a value of this type is written."""
        key = hint, str(hint)  # unions of the same types in another order are equal, and told otherwise
        if key not in self._forms:
            self._forms[key] = self._made(hint)
        return self._forms[key]

    def _made(self, hint: Any) -> Any:
        if hint in FORMS:
            return FORMS[hint]
        if isinstance(hint, type) and issubclass(hint, Length | Budget | Hours):
            return text(hint.PATTERN, hint.WRITTEN, hint.parse)
        if isinstance(hint, type) and issubclass(hint, Enum):
            return one_of([member.value for member in hint], convert=hint)
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            return holed(self._reference() if hint is Reference else self._dataclass(hint))
        arguments = get_args(hint)
        match get_origin(hint):
            case origin if origin is tuple and arguments[1:] == (...,):
                return listed(self._form(arguments[0]))
            case origin if isinstance(origin, type) and issubclass(origin, Mapping):
                return holed(types.GenericAlias(dict, (FORMS[str], self._form(arguments[1]))))
            case origin if origin is Literal:
                return one_of(arguments)
            case origin if origin in (Union, types.UnionType):
                return self._union(arguments)
        raise TypeError(f"{hint} has no form in YAML: give it one in FORMS")

    def _union(self, hints: Iterable[Any]) -> Any:
        forms = [self._form(hint) for hint in hints if hint is not type(None)]
        form = forms[0]
        if len(forms) > 1:
            words = [words_of(form) for form in forms]
            names = [name for said_of in words for name in said_of.names]
            form = said(union(forms), either(said_of.expected for said_of in words), names)
        return holed(form | None) if type(None) in hints else form


def grammar() -> Grammar:
    """The grammar of what is registered now."""
    return _grammar(tuple(METRICS), tuple(DETECTORS.items()), tuple(NOTIFIERS.items()))


@lru_cache(maxsize=4)
def _grammar(
    metrics: tuple[str, ...], detectors: tuple[tuple[str, type], ...], notifiers: tuple[tuple[str, type], ...]
) -> Grammar:
    return Grammar(metrics, dict(detectors), dict(notifiers))


@cache
def _hints(cls: type) -> Mapping[str, Any]:
    """The types of what a class itself declares; most kinds inherit most of their fields."""
    return inspect.get_annotations(cls, eval_str=True)


def _make(cls: type, values: Mapping[str, Any]) -> Any:
    """The dataclass; where values are holes, an unchecked one whose attributes raise AttributeError there."""
    if not any(map(_has_hole, values.values())):
        return cls(**values)

    def hole(_: object) -> Any:
        raise AttributeError("this value was refused")

    merged = {field.name: values.get(field.name, _default(field)) for field in dataclasses.fields(cls)}
    holes = {name: property(hole) for name, value in merged.items() if value is HOLE}
    hollow: Any = object.__new__(type(cls.__name__, (cls,), holes))
    for name in merged.keys() - holes.keys():
        object.__setattr__(hollow, name, merged[name])
    return hollow


def _has_hole(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return value is HOLE or any(item is HOLE for item in inner)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return HOLE if field.default_factory is dataclasses.MISSING else field.default_factory()


def _requirement(field: dataclasses.Field[Any]) -> Any:
    """Whether a key may be left out, and what it is then."""
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return Field()

    def told(schema: dict[str, Any]) -> None:
        schema["default"] = written(_default(field))

    return Field(default=None, json_schema_extra=told)


def _kind(model: type[BaseModel]) -> tuple[Any, ...]:
    """The value of `type` that chooses this model, if there is one."""
    return get_args(model.model_fields["type"].annotation) if "type" in model.model_fields else ()


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, Lazily):
        return _models_in(annotation.whole())
    return [model for part in get_args(annotation) for model in _models_in(part)]
