"""Sections of tables and sentences that print the same figures as plain text, Markdown and on a rich console."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Group
from rich.table import Table as RichTable
from rich.text import Text

GAP = "  "
WIDTH = 100
"""Of plain text, in columns."""


@dataclass(frozen=True)
class Table:
    """Cells as text.

    Attributes:
        columns: Headings; those in ``left`` are aligned left, all others right.
        rows: Cells.
        left: Places of the columns of words.
        total: Whether the last row is the sum of those before.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: tuple[int, ...] = (0,)
    total: bool = False

    def plain(self) -> list[str]:
        """Aligned lines; a rule stands above the total. Words in the last column wrap where the table is too wide."""
        places = range(len(self.columns))
        widths = [max(len(row[i]) for row in (self.columns, *self.rows)) for i in places]
        if places[-1] in self.left:
            widths[-1] = min(widths[-1], max(WIDTH - 2 - sum(widths[:-1]) - len(GAP) * len(widths[:-1]), 20))

        def lines_of(row: tuple[str, ...]) -> list[str]:
            *cells, last = row
            first, *more = textwrap.wrap(last, widths[-1], break_on_hyphens=False) or [""]
            lines = [(*cells, first), *((*[""] * len(cells), part) for part in more)]
            return [line(cells) for cells in lines]

        def line(row: tuple[str, ...]) -> str:
            cells = (c.ljust(w) if i in self.left else c.rjust(w) for i, c, w in zip(places, row, widths, strict=True))
            return ("  " + GAP.join(cells)).rstrip()

        rule = "  " + "-" * (sum(widths) + len(GAP) * (len(widths) - 1))
        lines = [line(self.columns), rule, *(part for row in self.rows for part in lines_of(row))]
        return [*lines[:-1], rule, lines[-1]] if self.total else lines

    def markdown(self) -> list[str]:
        """A pipe table, the total in bold."""
        rows = [tuple(cell.replace("|", "\\|") for cell in row) for row in self.rows]
        if self.total:
            rows[-1] = tuple(f"**{cell}**" if cell else "" for cell in rows[-1])
        marks = tuple(":---" if i in self.left else "---:" for i in range(len(self.columns)))
        return ["| " + " | ".join(row) + " |" for row in (self.columns, marks, *rows)]

    def rich(self) -> RichTable:
        """The same for a console."""
        table = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for i, name in enumerate(self.columns):
            table.add_column(Text(name), justify="left" if i in self.left else "right", overflow="fold")
        for i, row in enumerate(self.rows):
            last = self.total and i == len(self.rows) - 1
            table.add_row(*(Text(c) for c in row), style="bold" if last else None, end_section=i == len(self.rows) - 2)
        return table


def _wrapped(sentences: tuple[str, ...]) -> list[str]:
    lines = []
    for sentence in sentences:
        lines += textwrap.wrap(sentence, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False)
    return lines


@dataclass(frozen=True)
class Section:
    """A title, sentences, tables, sentences after them."""

    title: str
    before: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    after: tuple[str, ...] = ()

    def plain(self) -> list[str]:
        """Lines of plain text."""
        lines = [self.title, *_wrapped(self.before)]
        for table in self.tables:
            lines += ["", *table.plain()]
        return [*lines, *([""] if self.tables and self.after else []), *_wrapped(self.after)]

    def markdown(self) -> list[str]:
        """Lines of Markdown."""
        lines = [f"### {self.title}", ""]
        lines += [part for s in self.before for part in (s, "")]
        for table in self.tables:
            lines += [*table.markdown(), ""]
        return lines + [part for s in self.after for part in (s, "")]

    def rich(self) -> Group:
        """The same for a console."""
        return Group(
            Text(self.title, style="bold"),
            *map(Text, _wrapped(self.before)),
            *(table.rich() for table in self.tables),
            *map(Text, _wrapped(self.after)),
            Text(),
        )


@dataclass(frozen=True)
class Money:
    """USD amounts as text, all of one account with the same number of decimals."""

    decimals: int

    @classmethod
    def for_size(cls, usd: float) -> Money:
        """Whole dollars for large accounts, cents for small ones."""
        return cls(0 if usd >= 100_000 else 2)

    def __call__(self, usd: float) -> str:
        """One amount, without a minus before zero."""
        return f"{round(usd, self.decimals) + 0.0:,.{self.decimals}f}"

    def split(self, amounts: list[float], total: float) -> list[float]:
        """Amounts rounded so that what is shown adds up to the total shown: the largest remainders give way."""
        scale = 10.0**self.decimals
        exact = np.array(amounts) * scale
        rounded = np.round(exact)
        missing = round(float(np.round(total * scale) - rounded.sum()))
        # Zeros stay zeros: only an amount that was there to begin with is rounded the other way.
        preference = np.where(exact != 0, np.sign(missing) * (exact - rounded), -np.inf)
        rounded[np.argsort(-preference, kind="stable")[: abs(missing)]] += np.sign(missing)
        return [float(value) for value in rounded / scale]

    def parts(self, amounts: list[float], total: float) -> list[str]:
        """``split`` as text."""
        return [self(value) for value in self.split(amounts, total)]
