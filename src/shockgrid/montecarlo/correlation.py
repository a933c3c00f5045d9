"""Correlation of the driver's normals: from named pairs to a Cholesky factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from shockgrid.errors import InputError

LEAST_EIGENVALUE = 1e-10
"""Below, a matrix counts as not positive definite."""


def correlation_matrix(names: Sequence[str], pairs: Mapping[str, Mapping[str, float]], file: str) -> np.ndarray:
    """``[normal, normal]``; a pair that is not given has correlation 0.

    Args:
        names: Of the normals.
        pairs: ``{name: {name: correlation}}``, each pair once.
        file: Named in errors.

    Raises:
        InputError: A name that no normal has, a pair that is given twice, a correlation not between -1 and 1; a matrix
            that is not positive definite: the error says by how much, and offers the nearest one that is.
    """
    place = {name: i for i, name in enumerate(names)}
    matrix, given = np.eye(len(names)), set()
    for a, row in pairs.items():
        for b, value in row.items():
            where = f"correlation.{a}.{b}"
            for name in (a, b):
                if name not in place:
                    raise InputError(file, where, f"one of {', '.join(names)}", repr(name))
            if a == b or frozenset((a, b)) in given:
                raise InputError(file, where, "pairs of two names, each once")
            if not -1 < value < 1:
                raise InputError(file, where, "a number between -1 and 1", value)
            given.add(frozenset((a, b)))
            matrix[place[a], place[b]] = matrix[place[b], place[a]] = value
    least = float(np.linalg.eigvalsh(matrix)[0]) if len(names) else 1.0
    if least < LEAST_EIGENVALUE:
        nearest = nearest_correlation(matrix)
        offered = ", ".join(f"{a}/{b} = {nearest[place[a], place[b]]:.6g}" for a, row in pairs.items() for b in row)
        expected = f"a positive definite matrix; its smallest eigenvalue is {least:.3g}. The nearest has {offered}"
        raise InputError(file, "correlation", expected)
    return matrix


def nearest_correlation(matrix: np.ndarray, least: float = 1e-6) -> np.ndarray:
    """The correlation matrix nearest in the Frobenius norm with eigenvalues of ``least`` or more, nearly.

    Alternating projections with Dykstra's correction (Higham 2002, "Computing the nearest correlation matrix").

    Args:
        matrix: Symmetric, with a unit diagonal.
        least: Smallest eigenvalue.
    """
    now, correction = matrix.copy(), np.zeros_like(matrix)
    for _ in range(1000):
        shifted = now - correction
        values, vectors = np.linalg.eigh(shifted)
        definite = (vectors * np.maximum(values, 2 * least)) @ vectors.T
        correction = definite - shifted
        before, now = now, definite.copy()
        np.fill_diagonal(now, 1.0)
        if np.abs(now - before).max() < 1e-9 and np.linalg.eigvalsh(now)[0] >= least:
            break
    return (now + now.T) / 2
