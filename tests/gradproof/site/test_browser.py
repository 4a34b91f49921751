"""The site in a real browser, from files and without a network. Skipped where there is no Playwright or Chromium."""

import re
from pathlib import Path

import pytest

from gradproof.evidence.finding import Finding
from gradproof.site import pictures
from gradproof.site.build import STATIC
from reference import ALIASES, CATALOGUE

ROOT = Path(__file__).parents[3]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"  # npm install --no-save axe-core
FIRST, PAGE = 1_500_000, 400_000  # bytes of a first page with all that it loads, and of a page of a formula
PHONE = {"width": 360, "height": 740}
SAMPLE = (
    "index",
    "calculator/index",
    "compare/index",
    "formulas/index",
    "frameworks/torch/index",
    "guides/check/index",
    "api/index",
    "search",
)
PLOTTED = "activation/sigmoid"


def places(site):
    found = [p.relative_to(site).with_suffix("").as_posix() for p in sorted(site.rglob("*.html"))]
    return [place for place in found if place.removesuffix("/index") not in ALIASES]


def test_every_page_loads_from_files_without_an_error_and_fits_a_phone(opened, site):
    page = opened("index", viewport=PHONE)
    wide, rendered = {}, 0
    for place in places(site):
        page.goto((site / f"{place}.html").as_uri())
        excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if excess > 0:
            wide[place] = excess
        rendered += page.locator(".math .katex").count()
        assert not page.locator(".katex-error").count(), place
        assert page.locator(".math").count() == page.locator(".math:has(.katex)").count(), place
    assert wide == {}
    assert rendered > len(CATALOGUE)
    assert opened.errors == []
    assert {url.partition(":")[0] for url in opened.loaded} <= {"file", "data"}


@pytest.mark.parametrize("alias", ALIASES)
def test_a_former_address_leads_to_the_formula(opened, site, alias):
    page = opened(f"{alias}/index")
    page.wait_for_url((site / ALIASES[alias][0] / "index.html").as_uri())
    assert page.locator("h1").inner_text().strip("#¶ \n") == ALIASES[alias][0]
    assert opened.errors == []


def test_a_first_visit_is_light(opened, site):
    for place in ("index", f"{PLOTTED}/index"):
        opened.loaded.clear()
        opened(place).evaluate("document.fonts.ready.then(() => true)")
        files = {
            Path(re.sub(r"[?#].*", "", url.removeprefix("file://"))) for url in opened.loaded if url[:5] == "file:"
        }
        assert sum(file.stat().st_size for file in files) <= FIRST, sorted(files)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("hardswish kink", "activation/hardswish"),
        ("eps inside", "layer/rms_norm"),
        ("torch.nn.GELU", "activation/gelu"),
    ],
)
def test_search_finds(opened, words, found):
    page = opened("search")
    page.goto(page.url + "?q=" + words.replace(" ", "+"))
    page.wait_for_selector("#search-results .search a")
    page.wait_for_function(
        "document.querySelector('.search-summary, #search-results p').textContent.match(/finished/i)"
    )
    assert found in page.locator("#search-results .search a").all_text_contents()


def test_the_page_that_is_meant_stands_first(opened):
    page = opened("search")
    page.goto(page.url + "?q=hardswish+kink")
    page.wait_for_selector("#search-results .search a")
    assert page.locator("#search-results .search a").first.text_content() == "activation/hardswish"


def test_a_citation_is_copied_with_one_click(opened):
    page = opened(f"{PLOTTED}/index", permissions=["clipboard-read", "clipboard-write"])
    block = page.locator("#cite-this .highlight").first
    block.hover()
    block.locator("button.copybtn").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("@")
    assert copied.strip() == block.locator("pre").inner_text().strip()


def test_a_table_sorts_by_numbers_and_filters_by_words(opened):
    page = opened("frameworks/torch/index")
    table = page.locator("#defects table")
    heading = table.locator("th", has_text="ULP")
    column = heading.evaluate("cell => cell.cellIndex")
    for direction in ("ascending", "descending"):
        heading.locator("button").click()
        assert heading.get_attribute("aria-sort") == direction
        cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
        numbers = [float(text.replace("∞", "inf").replace(",", "")) for text in cells]
        assert numbers == sorted(numbers, reverse=direction == "descending")
        assert len(set(numbers)) > 5
    rows = len(numbers)
    page.locator("#defects .filter input").fill("gelu slope")
    shown = table.locator("tbody tr:visible").all_text_contents()
    assert 0 < len(shown) < rows
    assert all("gelu" in text and "slope" in text for text in shown)
    assert page.locator("#defects output").text_content() == f"{len(shown)} of {rows} rows"


def test_the_plot_answers_pointer_keyboard_and_choices(opened):
    page = opened(f"{PLOTTED}/index")
    plot, said = page.locator(".curves svg[role=img]"), page.locator(".curves .said")
    assert {line.get_attribute("stroke-dasharray") for line in plot.locator(".line").all()} == {"", "7 4", "2 3"}
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    assert re.search(r"^input from [\d.e+-]+ \(0x1\.[0-9a-f]+p[+-]\d+\) to ", said.text_content())
    before = said.text_content()
    plot.focus()
    page.keyboard.press("ArrowLeft")
    assert said.text_content() != before
    labels = plot.locator("text").all_text_contents()
    page.keyboard.press("+")
    assert page.locator(".curves svg[role=img] text").all_text_contents() != labels
    page.get_by_label("dtype").select_option("float32")
    assert "in float32" in page.locator(".curves svg[role=img]").get_attribute("aria-label")


def test_the_worst_input_is_said_in_decimal_and_hex_with_result_and_truth(opened):
    page = opened(f"{PLOTTED}/index")
    plot = page.locator(".curves svg[role=img]")
    plot.focus()
    said = set()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
        said |= set(page.locator(".curves .said").text_content().splitlines()[1:])
    lost = [line for line in said if line.startswith("torch") and re.search(r"truth [\d.e+-]+ \(0x", line)]
    assert lost
    for line in lost:  # decimal and hex are one number
        for decimal, hex in re.findall(r"([-\d.e+]+) \((-?0x[^)]+)\)", line):
            assert float(decimal) == float.fromhex(hex)


def test_a_bin_says_its_own_worst_input_where_the_evidence_has_it(opened, tmp_path):
    x, got, truth = (0.1).hex(), (0.25).hex(), (5e-324).hex()
    more = {"range": [-4, 0], "ulp": [0.5] * 4 + [7.0, 0.5], "shown": {"4": [x, got, truth]}}
    drawn = pictures.curves([Finding("curve", "a/b", "", "value", "float64", "ours", more=more)], [])
    page = opened("index")
    place = tmp_path / "plot.html"
    place.write_text(
        f'<!doctype html><title>plot</title>{drawn}<script src="{(STATIC / "curves.js").as_uri()}"></script>'
    )
    page.goto(place.as_uri())
    page.locator(".curves svg[role=img]").focus()
    page.keyboard.press("ArrowRight")
    said = page.locator(".curves .said").text_content()
    assert f"ours: 7 ULP at 0.1 ({x}): got 0.25 ({got}), truth 5e-324 ({truth})" in said


def test_an_error_and_a_request_off_the_site_are_seen(opened, tmp_path):
    place = tmp_path / "bad.html"
    place.write_text("<title>bad</title><script>nothing()</script><img src='https://127.0.0.1:9/x.png'>")
    opened("index").goto(place.as_uri())
    assert any("nothing is not defined" in error for error in opened.errors)
    assert "https://127.0.0.1:9/x.png" in opened.loaded


def test_dark_is_dark_and_the_keyboard_reaches_the_content(opened):
    page = opened("index", color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("place", [*SAMPLE, f"{PLOTTED}/index", "activation/hardswish/index"])
def test_axe_finds_nothing_serious(opened, place, scheme):
    if not AXE.exists():
        pytest.skip("no axe-core: npm install --no-save axe-core")
    page = opened(place, color_scheme=scheme)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [f for f in found if f["impact"] in ("serious", "critical")]
    assert {f["id"]: [node["html"][:200] for node in f["nodes"][:3]] for f in serious} == {}
