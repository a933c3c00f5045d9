"""Whether the values of a rulebook are in range, in order, and of the lengths that belong together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shockgrid.errors import RulebookError
from shockgrid.rulebooks.structure import Shape
from shockgrid.venues.okx.rulebook import Parameter

Parameters = Mapping[str, Parameter]


def check_values(file: str, parameters: Parameters, shapes: Mapping[str, Shape]) -> None:
    """Check every value against its range and its shape.

    Args:
        file: Named in errors.
        parameters: Every required one, each value of its kind and each group-valued one with all its groups.
        shapes: What the structure requires.

    Raises:
        RulebookError: A number outside its range, a list out of order, too short or too long.
    """
    for key, shape in shapes.items():
        parameter = parameters[key]
        for group, value in by_group(parameter):
            path = f"{key}.{group}" if group else key
            _check_range(file, path, value, parameter)
            if isinstance(value, list):
                _check_length(file, path, value, _wanted_length(group, shape, parameters))
                _check_columns(file, path, value, shape, parameters)
                _check_order(file, path, value, shape)


def by_group(parameter: Parameter) -> Iterator[tuple[str, Any]]:
    """Group and value, in the order of the file; one pair with no group where the value depends on none."""
    yield from parameter.value.items() if parameter.by else [("", parameter.value)]


def _check_range(file: str, path: str, value: Any, parameter: Parameter) -> None:
    if isinstance(value, list):
        for i, entry in enumerate(value):
            _check_range(file, f"{path}[{i}]", entry, parameter)
    elif not parameter.low <= value <= parameter.high:
        raise RulebookError(file, path, f"a number from {parameter.low:.15g} to {parameter.high:.15g}", value)


def _wanted_length(group: str, shape: Shape, parameters: Parameters) -> tuple[int, int | None, str]:
    """The fewest and the most entries (None: no limit), and why."""
    if shape.length is not None:
        return shape.length, shape.length, ""
    if not shape.like:
        return shape.least, None, ""
    other = parameters[shape.like].value
    count = max(len(other[group] if shape.by else other) + shape.more, shape.least)
    more = f"{shape.more} more than " if shape.more else "as many as "
    return count, count, f" ({more}{shape.like})"


def _check_length(file: str, path: str, value: list[Any], wanted: tuple[int, int | None, str]) -> None:
    fewest, most, why = wanted
    if len(value) < fewest or (most is not None and len(value) > most):
        count = f"{fewest} or more" if most is None else f"{fewest}"
        raise RulebookError(file, path, f"{count} {'entry' if count == '1' else 'entries'}{why}", len(value))


def _check_columns(file: str, path: str, value: list[Any], shape: Shape, parameters: Parameters) -> None:
    if not shape.columns_like:
        return
    count = len(parameters[shape.columns_like].value) + 1
    for i, row in enumerate(value):
        _check_length(file, f"{path}[{i}]", row, (count, count, f" (1 more than {shape.columns_like})"))


def _check_order(file: str, path: str, value: list[Any], shape: Shape) -> None:
    if shape.starts_at is not None and value[0] != shape.starts_at:
        raise RulebookError(file, f"{path}[0]", f"{shape.starts_at:g}", value[0])
    if not shape.ascending:
        return
    for i in range(1, len(value)):
        if value[i] <= value[i - 1]:
            raise RulebookError(file, f"{path}[{i}]", f"more than the {value[i - 1]:.15g} before it", value[i])
