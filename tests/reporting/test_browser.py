"""The report of a small study in a real browser: without a network, by mouse, keyboard and axe."""

import shutil

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright = pytest.importorskip("playwright.sync_api", reason="pip install .[report-test]")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=".[report-test]")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
WIDTHS = {"phone": (390, 844), "desk": (1440, 900)}
READY = "document.documentElement.dataset.ready === 'yes'"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, finished):
    """Return a function that opens the report in a window; it must ask for nothing and log nothing."""
    contexts, complaints = [], []

    def open_in(window="desk", **options):
        width, height = WIDTHS[window]
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, offline=True, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: asked.url.startswith("http") and complaints.append(asked.url)
        )
        page.goto((finished.folder / "results/report.html").as_uri())
        page.wait_for_function(READY)
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert complaints == []


def draw_all(page):
    """Scroll to every chart, open what hides one, and wait until all are drawn."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    charts = page.locator(".chart")
    for place in range(charts.count()):
        charts.nth(place).scroll_into_view_if_needed()
    page.wait_for_function(
        "[...document.querySelectorAll('.chart')].every((place) => place.dataset.done === 'yes')"
    )
    return charts


def test_the_first_screen_has_answers_and_pictures(opened):
    page = opened()
    painted = page.evaluate(
        "performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)[0]"
    )
    assert painted < 10_000  # two seconds are a benchmark's, a machine may be busy
    assert page.locator("h1").inner_text().startswith("What makes ImageNet good")
    assert page.locator(".answers > li").first.locator("svg").count() == 1
    copies = page.locator("img[data-copy]")
    assert copies.evaluate_all("(all) => all.every((one) => one.naturalWidth > 100)")


@pytest.mark.parametrize("window", WIDTHS)
def test_nothing_overflows(opened, window):
    page = opened(window)
    draw_all(page)
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_every_chart_is_drawn_and_answers_to_its_list(opened):
    page = opened()
    charts = draw_all(page)
    assert charts.count() >= 6
    assert charts.evaluate_all("(all) => all.every((one) => one.querySelector('svg'))")
    learning = page.locator('[data-chart="learning-curves"]')
    before = learning.locator("svg.marks").inner_html()
    learning.locator("select").first.select_option(index=1)
    page.wait_for_timeout(300)
    assert learning.locator("svg.marks").inner_html() != before


def visible_runs(page):
    return page.locator("#all-runs tbody tr").all_inner_texts()


def test_runs_are_searched_sorted_and_filtered(opened):
    page = opened()
    everything = page.locator("#all-runs_info").inner_text()
    page.get_by_label("Search runs:").fill("coarse rep2")
    found = visible_runs(page)
    assert found and all("coarse" in row and "rep2" in row for row in found)
    page.get_by_label("Search runs:").fill("")
    page.get_by_label("Only this task").select_option("pascal-det")
    assert all("pascal-det" in row for row in visible_runs(page))
    assert page.locator("#all-runs_info").inner_text() != everything
    page.get_by_label("Only this task").select_option("")
    head = page.locator("#all-runs thead th").filter(has_text="Seconds")
    head.click()
    playwright.expect(head).to_have_attribute("aria-sort", "ascending")
    page.wait_for_timeout(300)  # the rows follow the head
    column = [float(row.split("\t")[8]) for row in visible_runs(page)]
    assert column == sorted(column)


def test_a_class_is_found_in_the_tree_and_in_every_label_set(opened):
    page = opened()
    page.locator(".tree > summary").click()
    for _ in range(6):
        for part in page.locator(".tree details:not([open]) > summary").all():
            if part.is_visible():
                part.click()
    page.get_by_role("button", name="cat", exact=True).click()
    rows = page.locator("#places tbody tr").all_inner_texts()
    assert len(rows) == 1 and "mammal (2)" in rows[0] and "vertebrate (3)" in rows[0]


def test_files_are_saved_from_the_page(opened, finished):
    page = opened()
    for kind in ("PNG", "SVG", "CSV"):
        with page.expect_download() as saving:
            page.locator("#figure1").get_by_role("button", name=kind).first.click()
        saved = saving.value
        original = finished.folder / "results" / f"figure1.{kind.lower()}"
        assert saved.suggested_filename == original.name
        assert saved.path().read_bytes() == original.read_bytes()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("window", WIDTHS)
def test_axe_finds_nothing_serious(opened, window, scheme):
    page = opened(window, color_scheme=scheme)
    draw_all(page)
    found = axe.Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    said = [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in serious]
    assert said == []


def test_the_theme_button_turns_page_and_charts(opened):
    page = opened()
    draw_all(page)
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate(paper) != light
    page.wait_for_timeout(1500)
    background = page.locator('[data-chart="timeline"] svg.marks').evaluate(
        "(svg) => svg.querySelector('.background').getAttribute('fill') || svg.style.backgroundColor"
    )
    assert background != "#fff"


def test_the_keyboard_reaches_answers_tables_and_charts(opened):
    page = opened()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    reached = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.tagName"))
    assert {"A", "BUTTON", "SELECT", "INPUT", "SUMMARY"} <= reached


def test_without_scripts_all_but_the_charts_is_there(browser, finished):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((finished.folder / "results/report.html").as_uri())
    assert page.locator(".answers svg").count() > 5
    assert page.locator("#all-runs tbody tr").count() == 36
    assert page.locator("#png-figure1").is_visible()
    assert "needs JavaScript" in page.locator('[data-chart="learning-curves"]').inner_text()
    context.close()


def test_it_prints_every_row_of_the_runs(opened, tmp_path):
    page = opened()
    rows = page.locator("#all-runs tbody tr")
    assert rows.count() == 15
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert rows.count() == 36
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert rows.count() == 15
    page.emulate_media(media="print")
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").stat().st_size > 50_000
    assert not page.locator("#theme").is_visible()
