"""The page is one small file that needs nothing else, shows ids as they are, and opens without complaint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import escape

import pytest

import shockgrid as sg
from shockgrid.report.html import html_page, to_html
from tests.documents import accounts_of

HOSTILE = "</script><script>alert('x')</script>&lt;\"><img src=x onerror=alert(1)>"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PLAIN = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]

# Appended by the test: what the page loaded and how far it came, where --dump-dom shows it.
PROBE = """<script>
addEventListener("error", (event) => { document.body.dataset.errors = event.message; });
setTimeout(() => {
  document.body.dataset.loaded = performance.getEntriesByType("resource").map((entry) => entry.name).join(" ");
}, 6000);
</script>"""


@pytest.fixture(scope="module")
def market():
    return sg.synthetic_market(7, strikes_per_expiry=6, expiries=4)


@pytest.fixture(scope="module")
def report(market, rules):
    return sg.margin(market, sg.synthetic_accounts(market, 200, 7), rules)


@pytest.fixture(scope="module")
def page(report):
    return html_page(report)


@pytest.fixture(scope="module")
def hostile_page(market, rules):
    trader = {"id": HOSTILE, "balances": {"USDT": 5e3}, "positions": [{"instrument": "BTC-USDT-SWAP", "quantity": -3}]}
    debtor = {"id": "debtor", "balances": {"BTC": 0.5, "USDT": -40e3}}
    return html_page(sg.margin(market, accounts_of(trader, debtor, {"id": "nothing"}), rules))


def test_the_file_is_small_and_replaces_an_older_one(report, page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("older")
    to_html(report, path)
    assert path.read_text(encoding="utf-8") == page
    assert path.stat().st_size < 5e6


def test_a_file_that_cannot_be_written_is_refused(report, tmp_path):
    with pytest.raises(sg.InputError, match="a file that can be written"):
        to_html(report, tmp_path / "no folder" / "report.html")


@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_nothing_is_loaded_from_elsewhere(request, which):
    page = request.getfixturevalue(which)
    assert not re.search(r"https?://", page)
    assert not re.search(r"<[^>]*\b(src|href)\s*=", page)
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page


def test_totals_and_tables_are_those_of_the_frames(report, page):
    a = report.accounts
    assert f"<dt>liquidation</dt><dd>{(a.status == 'liquidation').sum():,}</dd>" in page
    assert f"<dt>maintenance margin, USD</dt><dd>{a.mmr_usd.sum():,.0f}</dd>" in page
    nearest = page[page.index("Nearest to liquidation") : page.index("What drives margin")]
    names = re.findall(r"<tr><td>([^<]+)</td>", nearest)
    assert names == a.nsmallest(10, "margin_ratio").account.tolist()
    for text in (report.rules.name, "2025-06-20T12:00:00Z", *report.rules.modelled):
        assert text in page


def test_the_nearest_three_accounts_are_shown_unless_others_are_asked_for(report, page):
    def shown(text):
        return re.findall(r'<section class="account"><h2><code>([^<]+)</code>', text)

    assert shown(page) == report.accounts.nsmallest(3, "margin_ratio").account.tolist()
    last = report.accounts.account.iloc[-1]
    assert shown(html_page(report, last)) == [last]
    assert shown(html_page(report, iter([last]))) == [last]
    assert shown(html_page(report, [])) == []
    with pytest.raises(sg.InputError, match="an account of the report"):
        html_page(report, "nobody")


def test_derived_notes_are_shown(market, report):
    derived = replace(report, market=replace(market, derived=("marks < computed",)))
    assert "<dt>Derived</dt><dd>marks &lt; computed</dd>" in html_page(derived)


def test_figures_are_data_that_cannot_end_their_element(hostile_page):
    blocks = re.findall(r'<script type="application/json" id="(figure-\d)">([^<]*)</script>', hostile_page)
    assert [name for name, _ in blocks] == [f"figure-{k}" for k in range(4)]
    assert all(set(json.loads(text)) >= {"data", "layout"} for _, text in blocks)
    assert hostile_page.count("data-figure=") == len(blocks)


def test_a_hostile_id_is_text(hostile_page):
    assert HOSTILE not in hostile_page
    assert "alert('x')" not in hostile_page
    assert "<img" not in hostile_page
    assert hostile_page.count(escape(HOSTILE)) >= 2


def test_a_report_without_accounts_has_a_page(market, rules):
    assert "<dt>accounts</dt><dd>0</dd>" in html_page(sg.margin(market, accounts_of(), rules))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("which", ["page", "hostile_page"])
def test_opens_in_a_browser_without_errors_and_without_requests(request, which, tmp_path):
    page = request.getfixturevalue(which)
    path = tmp_path / "page.html"
    path.write_text(page.replace("<main>", PROBE + "<main>"), encoding="utf-8")
    options = [*PLAIN, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--v=0"]
    command = [str(CHROMIUM), *options, "--virtual-time-budget=10000", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "CONSOLE" not in done.stderr
    body = re.search(r"<body[^>]*>", done.stdout)
    assert body is not None, done.stderr
    assert body[0] == '<body data-loaded="">'
    n_figures = page.count("data-figure=")
    assert done.stdout.count('data-drawn="yes"') == n_figures > 1
    assert done.stdout.count('class="main-svg"') >= n_figures
