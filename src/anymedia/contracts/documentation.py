"""Reads the strings under a contract's fields, so that schemas explain themselves.

pydantic can do this while a class is made (`use_attribute_docstrings`), at the price of
parsing the source of every contract on every import. Here it happens once, when somebody asks
for a schema.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel


MARK = "__documented__"


def documented(contract: type[BaseModel]) -> None:
    """Fill in the missing descriptions of `contract` and of every contract it mentions, once.

    A contract holds copies of the schemas of those it mentions, and may have been used before
    they had descriptions; so it is built anew after them.
    """
    if MARK in vars(contract):
        return
    setattr(contract, MARK, True)
    strings: dict[str, str] = {}
    for ancestor in reversed(contract.__mro__):
        strings |= strings_under_fields(ancestor)
    for name, field in contract.model_fields.items():
        if field.description is None and name in strings:
            field.description = strings[name]
        for mentioned in contracts_in(field.annotation):
            documented(mentioned)
    contract.model_rebuild(force=True)


def contracts_in(annotation: Any) -> list[type[BaseModel]]:
    """Every contract inside a type, however deep in unions, tuples and mappings."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for inner in get_args(annotation) for found in contracts_in(inner)]


def strings_under_fields(contract: type) -> dict[str, str]:
    """The bare strings that follow annotated names in a class body."""
    try:
        source = textwrap.dedent(inspect.getsource(contract))
    except (OSError, TypeError):  # built-in, or defined where there is no source
        return {}
    body = ast.parse(source).body[0]
    if not isinstance(body, ast.ClassDef):
        return {}
    strings: dict[str, str] = {}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                strings[name] = inspect.cleandoc(text)
    return strings
