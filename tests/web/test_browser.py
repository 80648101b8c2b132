"""The pages in a real browser: hand in, watch, read the result, on a phone and without a mouse."""

import shutil
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import axe_selenium_python as axe
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
RIGHT = Path(__file__).parents[2] / "solutions/binary/variants/double_precision.py"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine"
    ),
]


@pytest.fixture
def chromium(request):
    """A browser; the window's size may be given as a parameter."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    size = getattr(request, "param", "1280,1000")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={size}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


def press(driver, selector):
    driver.find_element(By.CSS_SELECTOR, selector).click()


def sign_in(driver, link):
    driver.get(link)
    press(driver, "main button")


def serious_problems(driver):
    auditor = axe.Axe(driver)
    auditor.inject()
    found = auditor.run()["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("chromium", ["1280,1000", "390,844"], indirect=True)
def test_a_student_hands_in_and_sees_the_result_without_reloading(chromium, graded):
    sign_in(chromium, graded.link("kim"))
    assert serious_problems(chromium) == []
    chromium.find_element(By.ID, "file-binary").send_keys(str(RIGHT))
    press(chromium, "form.drop button")
    assert serious_problems(chromium) == []
    press(chromium, "button.main")

    def score(driver):
        found = driver.find_elements(By.CSS_SELECTOR, ".score strong")
        return found and found[0].text

    assert WebDriverWait(chromium, 120).until(score) == "100"
    assert serious_problems(chromium) == []
    width = chromium.execute_script("return document.documentElement.scrollWidth")
    assert width <= chromium.execute_script("return window.innerWidth")
    errors = [each for each in chromium.get_log("browser") if each["level"] == "SEVERE"]
    assert errors == []


def test_the_class_page_is_accessible_and_searchable(chromium, served):
    sign_in(chromium, served.link("prof"))
    assert serious_problems(chromium) == []
    chromium.find_element(By.ID, "search").send_keys("이영희")
    rows = chromium.find_elements(By.CSS_SELECTOR, "table.class tbody tr")
    assert [row.is_displayed() for row in rows].count(True) == 1
    for path in ("/people", "/questions", "/log", "/students/kim"):
        chromium.get(served.url + path)
        assert serious_problems(chromium) == []
