"""The pages in a real browser: clicks, keys, console, screen readers, and hostile text."""

import shutil
import warnings

import pytest

from grader.model.record import ClassRecord
from grader.model.text import visible
from grader.reports.audit import audit_page
from grader.reports.html import class_page, write_site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    selenium = pytest.importorskip("selenium", reason="selenium drives the browser of these tests")
    axe = pytest.importorskip("axe_selenium_python", reason="axe looks for what readers can't use")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.select import Select

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine"
    ),
]


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def site(hostile_class, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    write_site(hostile_class, folder, "en")
    return folder


@pytest.fixture
def overview(browser, site):
    browser.get((site / "index.html").as_uri())
    return browser


def rows(browser):
    """The names in the class table, from top to bottom, of the rows that are shown."""
    found = browser.find_elements(By.CSS_SELECTOR, ".students tbody tr")
    return [row.find_element(By.TAG_NAME, "bdi").text for row in found if row.is_displayed()]


def column(browser, number):
    cells = browser.find_elements(By.CSS_SELECTOR, f".students tbody tr > :nth-child({number + 1})")
    return [float(cell.get_attribute("data-value") or -2) for cell in cells]


def heading(browser, number):
    return browser.find_element(By.CSS_SELECTOR, f".students thead th:nth-child({number + 1})")


def choose(browser, key):
    """Click the number or bar of the summary with this key."""
    browser.find_element(By.XPATH, f"//label[input[@value='{key}']]").click()


def pages(site):
    return [site / "index.html", *sorted(site.rglob("wine.html"))]


@pytest.mark.long
def test_nothing_is_written_to_the_console_and_nothing_of_a_student_runs(browser, site):
    for page in pages(site):
        browser.get(page.as_uri())

        assert browser.get_log("browser") == []
        assert browser.title != "pwned"
        assert browser.find_elements(By.CSS_SELECTOR, "img, iframe, object, main script") == []


def test_hostile_names_are_read_as_they_are_written(overview, hostile_class):
    shown = rows(overview)

    for each in hostile_class.records:
        if each.report.student != "ann":
            assert visible(each.report.student) in shown


def test_table_is_sorted_by_clicks_both_ways(overview):
    for direction in ("ascending", "descending"):
        heading(overview, 1).find_element(By.TAG_NAME, "button").click()

        values = column(overview, 1)
        assert heading(overview, 1).get_attribute("aria-sort") == direction
        assert values == sorted(values, reverse=direction == "descending")
        assert len(set(values)) > 1


def test_table_is_sorted_by_keys(overview):
    button = heading(overview, 0).find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)
    forth = rows(overview)
    button.send_keys(Keys.SPACE)

    assert rows(overview) != forth
    assert heading(overview, 0).get_attribute("aria-sort") == "descending"
    assert len(overview.find_elements(By.CSS_SELECTOR, "th[aria-sort]")) == 1


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    "words, found",
    [
        ("BOB", ["bob"]),
        ("forbidden", ["bob"]),
        ("김하", ["김하늘"]),
        ("<img", None),
        ("nobody", []),
    ],
)
def test_search_shows_the_rows_that_hold_the_words(overview, words, found):
    everyone = len(rows(overview))
    search = overview.find_element(By.CSS_SELECTOR, "[type=search]")
    search.send_keys(words)

    shown = rows(overview)
    told = overview.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert (shown == found) if found is not None else all(words in name for name in shown)
    assert told == f"showing {len(shown)} of {everyone} students"
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    assert len(rows(overview)) == everyone


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    "key, found",
    [
        ("missing", ["<b>Zoe</b>"]),
        ("late", ["cho"]),
        ("ungraded", ["김하늘"]),
        ("waiting", ["bob", "김하늘"]),
        ("bar0", ["bob"]),
    ],
)
def test_numbers_of_the_summary_filter_the_table(overview, key, found):
    choose(overview, key)

    assert rows(overview) == found
    told = overview.find_element(By.CSS_SELECTOR, "[role=status]").text
    assert told.startswith(f"showing {len(found)} of")
    choose(overview, "all")
    assert len(rows(overview)) > 10


def test_verdict_and_item_filter_the_table(overview):
    verdict = Select(overview.find_element(By.CSS_SELECTOR, "select.verdict"))
    item = Select(overview.find_element(By.CSS_SELECTOR, "select.which"))

    verdict.select_by_visible_text("timeout")
    assert rows(overview) == ["bob"]
    item.select_by_visible_text("Accuracy")
    assert rows(overview) == []


def test_section_filters_the_table(overview):
    section = Select(overview.find_element(By.CSS_SELECTOR, "select.section"))

    assert [each.text for each in section.options] == ["any section", "10", "<i>2</i>"]
    section.select_by_visible_text("<i>2</i>")
    assert rows(overview) == ["김하늘"]
    section.select_by_index(0)
    assert len(rows(overview)) > 10


@pytest.mark.long
def test_a_thousand_students_are_laid_out_in_under_200_ms(browser, record, assignments, tmp_path):
    """Measured on the browser's own clock of the processor, because the machine may be busy."""
    records = tuple(record(f"s{n:04}") for n in range(1000))
    page = tmp_path / "index.html"
    whole = ClassRecord(assignments=(assignments["wine"],), records=records)
    page.write_text(class_page(whole, "en"), encoding="utf-8")
    browser.execute_cdp_cmd("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    browser.execute_cdp_cmd("Performance.enable", {})
    browser.get(page.as_uri())

    def spent():
        found = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        metrics = {each["name"]: each["value"] for each in found}
        return metrics["LayoutDuration"] + metrics["RecalcStyleDuration"]

    shown = """
        const table = document.querySelector(".students table");
        table.style.display = "none";
        document.body.offsetHeight;
        table.style.display = "";
        return document.body.offsetHeight;
    """
    times = []
    for _ in range(5):
        before = spent()
        browser.execute_script(shown)
        times.append(spent() - before)
    browser.execute_cdp_cmd("Performance.disable", {})

    assert len(browser.find_elements(By.CSS_SELECTOR, ".students tbody tr")) == 1000
    assert min(times) < 0.2


def test_names_and_heading_stay_in_sight(browser, site):
    browser.set_window_size(600, 700)
    try:
        browser.get((site / "index.html").as_uri())
        left, top = browser.execute_script(
            """
            const box = document.querySelector(".scroll");
            box.scrollTo(150, 200);
            const at = (cell) => cell.getBoundingClientRect();
            const row = [...box.querySelectorAll("tbody tr")].at(-1);
            return [at(row.cells[0]).left - at(box).left, at(box.querySelector("thead")).top - at(box).top];
            """
        )
        assert (abs(left) < 3, abs(top) < 3) == (True, True)
    finally:
        browser.set_window_size(1280, 1000)


def test_chosen_student_stands_out_in_the_loss_curves(overview):
    select = Select(overview.find_element(By.CSS_SELECTOR, "select.highlight"))
    select.select_by_visible_text("bob")
    position = select.first_selected_option.get_attribute("value")

    (chosen,) = overview.find_elements(By.CSS_SELECTOR, ".chosen")
    assert chosen.get_attribute("id") == position
    assert float(chosen.value_of_css_property("opacity")) == 1
    select.select_by_index(0)
    assert overview.find_elements(By.CSS_SELECTOR, ".chosen") == []


def test_a_click_leads_from_the_class_to_the_hand_in_and_on_to_the_students_page(overview):
    overview.find_element(By.CSS_SELECTOR, ".students a[href*='bob']").click()
    assert "assistant/bob/wine.html" in overview.current_url

    overview.find_element(By.LINK_TEXT, "Student's page").click()
    assert "students/bob/wine.html" in overview.current_url


def test_without_scripts_the_table_is_plain(browser, site):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get((site / "index.html").as_uri())

        assert browser.find_elements(By.CSS_SELECTOR, ".students th button") == []
        assert len(rows(browser)) > 10
        assert not browser.find_element(By.CSS_SELECTOR, "[type=search]").is_displayed()
        choose(browser, "missing")
        assert rows(browser) == ["<b>Zoe</b>"]
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.long
def test_pages_fit_a_phone(browser, site):
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True},
    )
    try:
        for page in pages(site):
            browser.get(page.as_uri())

            assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["ko", "en"])
def test_axe_finds_nothing_serious(browser, hostile_class, an_audit, tmp_path, language, scheme):
    write_site(hostile_class, tmp_path, language)
    (tmp_path / "audit.html").write_text(audit_page([an_audit], language), encoding="utf-8")
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})

    pages = ("students/bob/wine.html", "assistant/dan/wine.html", "assistant/eve/wine.html")
    for page in ("index.html", *pages, "audit.html"):
        browser.get((tmp_path / page).as_uri())
        auditor = axe.Axe(browser)
        auditor.inject()
        found = auditor.run()["violations"]

        serious = [
            (each["id"], [node["html"] for node in each["nodes"]][:3])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
