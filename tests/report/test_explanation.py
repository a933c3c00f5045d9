"""What ``explain`` says: figures that add up as printed, in 100 columns, in every kind of output."""

from __future__ import annotations

import io
from decimal import Decimal

import numpy as np
import pytest
from rich.console import Console

import shockgrid as sg
from shockgrid.report.explain_currencies import currency_lines
from shockgrid.report.explain_layout import Money
from shockgrid.report.explanation import explain
from tests.conftest import ROOT
from tests.documents import accounts_of, market_of
from tests.reference.random_documents import random_accounts, random_market


@pytest.fixture(scope="module")
def rules():
    """The rules in force at the time of the example market."""
    return sg.load_rulebook("okx", at="2025-06-20")


@pytest.fixture(scope="module")
def report(rules):
    market = sg.read_market(ROOT / "examples" / "market.json")
    return sg.margin(market, sg.read_accounts(ROOT / "examples" / "accounts.json"), rules)


@pytest.fixture(scope="module")
def explanations(report):
    return {account: explain(report, account) for account in report.inputs.ids}


@pytest.fixture(scope="module", params=["okx/v2-2025-12-04", pytest.param("okx/v1-2024-06-05", marks=pytest.mark.long)])
def random_report(request):
    document = random_market(9)
    rules = sg.load_rulebook(request.param)
    return sg.margin(market_of(document), accounts_of(*random_accounts(document, 5, 200)), rules)


@pytest.fixture(scope="module")
def random_explanations(random_report):
    """Every shape of account of the generator."""
    return {account: explain(random_report, account) for account in random_report.inputs.ids[:10]}


def number(cell: str) -> Decimal:
    return Decimal(cell.replace(",", ""))


def assert_adds_up(explanation):
    for section in explanation.sections:
        for table in section.tables:
            if table.total:
                *rows, total = table.rows
                for i in range(1, len(total)):
                    if total[i]:
                        printed = sum(number(row[i]) for row in rows if row[i])
                        assert printed == number(total[i]), (explanation.account, section.title, table.columns[i])


def section(explanation, start):
    return next(s for s in explanation.sections if s.title.startswith(start))


# -- figures ----------------------------------------------------------------------------------------------------------


def test_printed_figures_add_up(explanations, random_explanations):
    for explanation in (*explanations.values(), *random_explanations.values()):
        assert_adds_up(explanation)


def test_figures_are_those_of_the_report(report, explanations):
    for row in report.accounts.itertuples():
        explanation = explanations[row.account]
        money = Money.for_size(max(row.equity_usd, row.gross_equity_usd, row.mmr_usd, row.imr_usd))
        figures = f"equity {money(row.equity_usd)}   maintenance {money(row.mmr_usd)}   initial {money(row.imr_usd)}"
        assert explanation.heading[1].startswith(figures)
        assert explanation.status == row.status
        if row.mmr_usd > 0:
            total = section(explanation, "Maintenance margin").tables[0].rows[-1][1]
            assert total == money(row.mmr_usd)
        for unit in report.units[report.units.account == row.account].itertuples():
            waterfall = section(explanation, f"Unit {unit.unit}:").tables[0]
            assert float(number(waterfall.rows[-1][2])) == pytest.approx(unit.mmr_usd, abs=1.0)


def test_units_have_the_same_figure_everywhere(explanations):
    for explanation in explanations.values():
        for s in explanation.sections:
            if s.title.startswith("Unit "):
                name = s.title.split(":", maxsplit=1)[0].removeprefix("Unit ")
                rows = section(explanation, "Maintenance margin").tables[0].rows
                figure = next(row[1] for row in rows if row[0] == f"unit {name}")
                assert s.title.startswith(f"Unit {name}: {figure} USD")
                assert [table.rows[-1][2] for table in s.tables] == [figure, figure]


def test_currencies_add_up_to_the_account(random_report):
    for place, row in enumerate(random_report.accounts.itertuples()):
        lines = currency_lines(random_report, place)
        size = sum(abs(line.usd) for line in lines)
        for attribute, column in (
            ("counted_usd", "equity_usd"),
            ("usd", "gross_equity_usd"),
            ("liability_usd", "liability_usd"),
            ("mmr_usd", "borrow_mmr_usd"),
        ):
            total = sum(getattr(line, attribute) for line in lines)
            assert total == pytest.approx(getattr(row, column), rel=1e-9, abs=1e-9 * size), (row.account, column)


def test_rounding_keeps_the_total_and_the_zeros():
    money = Money(0)
    assert money.parts([0.4, 0.4, 0.4, 0.0], 1.2) == ["1", "0", "0", "0"]
    assert money.parts([1.6, 1.6, 0.0, -0.6], 2.6) == ["2", "2", "0", "-1"]
    assert Money(2).parts([1.006, 1.006, 1.006], 3.018) == ["1.00", "1.01", "1.01"]
    assert money(-0.2) == "0"


# -- words ------------------------------------------------------------------------------------------------------------


def test_key_lines_of_a_market_maker(explanations):
    text = str(explanations["market_maker-000005"])
    for line in (
        "market_maker-000005: liquidation, margin ratio 97.6%",
        "  unit DOGE             499,878  37.3%  MR1 price and volatility: DOGE -25%, volatility up",
        "  borrowing               6,229   0.5%  MR8",
        "  ratio = equity 1,309,981 / (1,341,916 + 0.001 x 107,198 of debt and its margin) = 97.6%",
        "  MR6 extreme move             255,137     255,137  50% of the loss at ETH +24% <- dominant",
        "  Spot in use: -763.83866 SOL (-110,046 USD), of an equity of -763.83866 SOL without option value,",
        "  BTC   0.53127297    55,254    3%    1,658",
        "  liquidation (ratio 100%): reached, 32,042 USD of equity are missing",
        "  MR3: mr3.kappa",
    ):
        assert line in text.splitlines(), line


def test_the_floor_and_the_depeg(explanations):
    text = str(explanations["cash_and_carry-000000"])
    assert "MR9 stablecoin depeg           3,415       3,415  hedged USDT/USDC 683,009" in text
    assert "floor, above the sum <- dominant" in text
    assert section(explanations["cash_and_carry-000000"], "Modelled").before == (
        "MR7: mr7.funding_days",
        "MR9: mr9.tier_bounds_usd, mr9.factors",
    )


def test_open_orders(explanations):
    text = str(explanations["cash_and_carry-000007"])
    assert "1 open order could add 161," in text
    assert "No open orders." in str(explanations["borrower-000006"])


def test_accounts_without_positions_and_without_anything(explanations, report, rules):
    text = str(explanations["dust-000010"])
    assert "margin ratio ∞" in text
    assert "nothing is required, and the ratio is infinite" in text
    alone = sg.margin(report.market, accounts_of({"id": "nothing"}, {"id": "debt", "balances": {"USDT": -5.0}}), rules)
    assert "No balances and no positions." in str(explain(alone, "nothing"))
    debt = explain(alone, "debt")
    assert_adds_up(debt)
    assert "debt: liquidation, margin ratio" in str(debt)


def test_a_long_book_names_its_makers_its_offsets_and_the_rest(rules):
    document = random_market(9)
    names = [row["id"] for row in document["instruments"] if row["coin"] == "BTC"][:24]
    positions = [{"instrument": name, "quantity": (-1.0) ** i * (i + 1)} for i, name in enumerate(names)]
    account = {"id": "book", "positions": positions, "balances": {"USDT": 1e6}}
    explanation = explain(sg.margin(market_of(document), accounts_of(account), rules), "book")
    table = section(explanation, "Unit BTC").tables[1]
    assert 5 < len(table.rows) <= 12
    assert any(row[0].endswith(" others") for row in table.rows)
    assert_adds_up(explanation)


def test_unknown_account(report):
    with pytest.raises(sg.InputError, match="an account of the report, found 'nobody'"):
        explain(report, "nobody")


# -- outputs ----------------------------------------------------------------------------------------------------------


def test_plain_text_fits_100_columns(explanations, random_explanations):
    for explanation in (*explanations.values(), *random_explanations.values()):
        for line in str(explanation).splitlines():
            assert len(line) <= 100, line


def test_markdown_and_rich_hold_the_same_cells(explanations):
    for explanation in explanations.values():
        console = Console(width=120, record=True, file=io.StringIO())
        console.print(explanation)
        rich = console.export_text()
        assert explanation._repr_markdown_() == explanation.markdown
        for s in explanation.sections:
            assert f"### {s.title}" in explanation.markdown
            for table in s.tables:
                for cell in {cell for row in table.rows for cell in row}:
                    assert cell in rich
                    assert cell in explanation.markdown


def test_it_is_short_in_a_shell(explanations):
    assert repr(explanations["dust-000010"]) == "Explanation(dust-000010, safe)"
    assert np.isfinite(explanations["borrower-000006"].distance.liquidation.equity_usd)
