"""What the databases say in different words: each said once here, for all of them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, ColumnElement, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement


class NumberIn(FunctionElement[Any]):
    """A number under a name in a JSON document; null where there is none."""

    type = Float()
    name = "number_in"
    inherit_cache = True


class WholeParts(FunctionElement[Any]):
    """How often a length goes into a number, rounded down."""

    type = BigInteger()
    name = "whole_parts"
    inherit_cache = True


def number_in(document: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """A number under a name in a JSON document."""
    return NumberIn(document, literal(name))


def whole_parts(number: ColumnElement[Any], length: int) -> ColumnElement[Any]:
    """How often a length goes into a number of 0 or more, rounded down."""
    return WholeParts(number, literal(length))


class Within(FunctionElement[Any]):
    """Whether a text is part of another, to the letter: `LIKE` of SQLite does not tell A from a."""

    type = Boolean()
    name = "within"
    inherit_cache = True


def within(part: str, whole: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a text is part of another, to the letter."""
    return Within(literal(part), whole)


@compiles(Within)
def _within_sqlite(element: Within, compiler: SQLCompiler, **options: Any) -> str:
    part, whole = (compiler.process(one, **options) for one in element.clauses)
    return f"(instr({whole}, {part}) > 0)"


@compiles(Within, "postgresql")
def _within_postgres(element: Within, compiler: SQLCompiler, **options: Any) -> str:
    part, whole = (compiler.process(one, **options) for one in element.clauses)
    return f"(strpos({whole}, CAST({part} AS text)) > 0)"


@compiles(NumberIn)
def _number_in_sqlite(element: NumberIn, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(one, **options) for one in element.clauses)
    # Decimals lie there as text; a cast reads both.
    return f"CAST(json_extract({document}, '$.' || {name}) AS REAL)"


@compiles(NumberIn, "postgresql")
def _number_in_postgres(element: NumberIn, compiler: SQLCompiler, **options: Any) -> str:
    document, name = (compiler.process(one, **options) for one in element.clauses)
    return f"CAST(CAST({document} AS jsonb) ->> CAST({name} AS text) AS double precision)"


@compiles(WholeParts)
def _whole_parts_sqlite(element: WholeParts, compiler: SQLCompiler, **options: Any) -> str:
    number, length = (compiler.process(one, **options) for one in element.clauses)
    return f"CAST({number} / {length} AS INTEGER)"


@compiles(WholeParts, "postgresql")
def _whole_parts_postgres(element: WholeParts, compiler: SQLCompiler, **options: Any) -> str:
    number, length = (compiler.process(one, **options) for one in element.clauses)
    return f"CAST(FLOOR({number} / {length}) AS bigint)"
