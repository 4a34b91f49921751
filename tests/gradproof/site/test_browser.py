"""The site in a real browser, from files and without a network. Skipped where there is no Playwright or Chromium."""

import math
import re
import shutil
from pathlib import Path

import pytest

from gradproof.cases.case import as_dtype
from gradproof.evidence import exact
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
    "formulas/index",
    "frameworks/torch/index",
    "guides/check/index",
    "api/index",
    "search",
)
PLOTTED = "activation/sigmoid"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, site):
    """Open a page by its place; what went wrong on it, and what it loaded, is in the lists of the function."""
    contexts = []

    def opened(place, **how):
        context = browser.new_context(**how)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: opened.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: opened.errors.append(str(error)))
        page.on("request", lambda request: opened.loaded.append(request.url))
        path, _, anchor = place.partition("#")
        page.goto((site / f"{path}.html").as_uri() + ("#" + anchor if anchor else ""))
        return page

    opened.errors, opened.loaded = [], []
    yield opened
    for context in contexts:
        context.close()


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


# ---------------------------------------------------------------- the calculator


POINTS = [  # formula, dtype, and what is typed
    ("activation/sigmoid", "float16", "8"),
    ("activation/sigmoid", "bfloat16", "0x1.3p+5"),
    ("activation/sigmoid", "float16", "-17.25"),
    ("activation/tanh", "float16", "1e-4"),
    ("activation/tanh", "bfloat16", "0xc080"),
    ("activation/gelu", "float16", "-0.75"),
    ("activation/gelu", "bfloat16", "0.1"),
    ("activation/gelu", "float16", "−5.5"),
    ("activation/silu", "bfloat16", "-0x1.4p+3"),
    ("activation/mish", "float16", "6e-8"),
    ("activation/softplus", "bfloat16", "1e-38"),
    ("activation/exp", "float16", "11.1"),
    ("activation/hardswish", "float16", "3"),
    ("activation/hardswish", "bfloat16", "-3"),
    ("activation/relu", "float16", "-0.0"),
    ("activation/elu", "bfloat16", "-inf"),
    ("activation/selu", "float16", "inf"),
    ("activation/tanhshrink", "float16", "0.01"),
    ("activation/squared_relu", "float16", "65504"),
    ("activation/log_cosh", "bfloat16", "3e38"),
]


def numbers(text):
    """The numbers in what the page says, in float64."""
    found = re.findall(r"-?(?:∞|[\d.]+(?:e[-+]?\d+)?)", text.replace("−", "-"))
    return [float(word.replace("∞", "inf")) for word in found]


def cells(page, row):
    """Decimal, hex and bits in each row of the first table that has this name."""
    rows = [
        line.locator("th, td").all_text_contents() for line in page.locator(".answer table").first.locator("tr").all()
    ]
    return [rest for name, *rest in rows if name == row]


def nearest(typed, dtype):
    """The float of the dtype that is nearest to what is typed."""
    if re.fullmatch("0x[0-9a-f]{4}", typed):
        return float(exact.from_bits([int(typed, 16)], dtype)[0])
    typed = typed.replace("−", "-")
    return float(as_dtype(float.fromhex(typed) if "0x" in typed else float(typed), dtype))


@pytest.mark.parametrize(("id", "dtype", "typed"), POINTS)
def test_the_calculator_is_right(opened, id, dtype, typed):
    truths = pytest.importorskip("oracles.arb_truth", exc_type=ImportError).truths
    page = opened(f"calculator/index#formula={id}&dtype={dtype}&x=0")
    page.get_by_label("x", exact=True).fill(typed)
    page.wait_for_function("x => decodeURIComponent(location.hash).endsWith('&x=' + x)", arg=typed)
    x = nearest(typed, dtype)
    (said,) = numbers(page.locator(".answer strong").inner_text())
    assert (said, math.copysign(1, said)) == (x, math.copysign(1, x))
    value, slope = truths(id, [x], (0, 1), dtype=dtype)
    sides = [truths(id, [x], (1,), dtype=dtype, side=side)[0] for side in ("left", "right")]
    torn = slope.undecided[0] and math.isfinite(x)
    wanted = {
        "value": value,
        **(dict(zip(("left slope", "right slope"), sides, strict=True)) if torn else {"slope": slope}),
    }
    for name, truth in wanted.items():
        ((decimal, hex, bits),) = cells(page, name)
        got = float(truth.hi[0])
        assert numbers(decimal) == [got], (name, decimal)
        assert float.fromhex(hex) == got
        assert int(bits, 16) == exact.to_bits(got, dtype)
    assert opened.errors == []


@pytest.mark.parametrize(
    ("typed", "x"),
    [
        ("2049", 2048.0),  # halfway between two floats: the even one
        ("2049.0000000000000000001", 2050.0),  # and not, which float64 does not see
        ("2051", 2052.0),
        ("65519.99", 65504.0),
        ("65520", math.inf),
        ("-1e9999", -math.inf),
        ("2.98023223876953125e-8", 0.0),  # half the least number above 0
        ("2.98023223876953126e-8", 2.0**-24),
        ("0x1.0008p+0", 1.0),
        (".5", 0.5),
        ("0x3c01", 1.0009765625),
    ],
)
def test_what_is_typed_becomes_the_nearest_float(opened, typed, x):
    page = opened("calculator/index")
    page.get_by_label("x", exact=True).fill(typed)
    page.wait_for_function("x => decodeURIComponent(location.hash).endsWith('&x=' + x)", arg=typed)
    assert numbers(page.locator(".answer strong").inner_text()) == [x]


def test_the_calculator_steps_from_float_to_float_and_says_what_is_no_number(opened):
    page = opened("calculator/index#formula=activation/gelu&dtype=float16&x=1")
    page.wait_for_selector(".answer table")
    x = page.get_by_label("x", exact=True)
    page.get_by_role("button", name="float above").click()
    assert float.fromhex(x.input_value()) == 1 + 2.0**-10
    for _ in range(2):
        page.get_by_role("button", name="float below").click()
    assert float.fromhex(x.input_value()) == 1 - 2.0**-11
    x.fill("one")
    assert "“one” is no number" in page.locator(".answer").inner_text()
    assert x.get_attribute("aria-invalid") == "true"
    assert opened.errors == []


def test_the_calculator_loads_the_table_of_the_chosen_formula_alone(opened):
    opened("calculator/index#formula=activation/gelu&dtype=float16&x=1").wait_for_selector(".answer table")
    tables = [url.rpartition("/truth/")[2] for url in opened.loaded if "/truth/" in url]
    assert tables == ["activation/gelu.js"]


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
