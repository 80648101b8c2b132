"""The pages in a real browser: hand in, watch, read the result, on a phone and without a mouse."""

import base64
import contextlib
import shutil
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import axe_selenium_python as axe
    from selenium import webdriver
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.expected_conditions import staleness_of
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
def open_chromium():
    """Open browsers; each has a session of its own."""
    with contextlib.ExitStack() as stack:

        def make(size="1280,1000", script=True):
            options = webdriver.ChromeOptions()
            options.binary_location = CHROMIUM
            for flag in (
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                f"--window-size={size}",
            ):
                options.add_argument(flag)
            if not script:
                content = {"profile.managed_default_content_settings.javascript": 2}
                options.add_experimental_option("prefs", content)
            options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
            driver = webdriver.Chrome(options=options, service=Service(DRIVER))
            stack.callback(driver.quit)
            driver.set_page_load_timeout(120)
            return driver

        yield make


@pytest.fixture
def chromium(request, open_chromium):
    """A browser; the window's size may be given as a parameter."""
    return open_chromium(getattr(request, "param", "1280,1000"))


def wait(driver, condition):
    """Wait for a condition; an element that a new page has replaced meanwhile is looked up again."""
    return WebDriverWait(driver, 240, ignored_exceptions=[StaleElementReferenceException]).until(
        condition
    )


def press(driver, selector):
    """Press a button that leads to another page, and wait until the old page is gone."""
    old = driver.find_element(By.TAG_NAME, "html")
    wait(driver, lambda d: d.find_elements(By.CSS_SELECTOR, selector))[0].click()
    wait(driver, staleness_of(old))


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


@pytest.mark.sampled(2)
@pytest.mark.parametrize("chromium", ["1280,1000", "390,844"], indirect=True)
def test_a_student_hands_in_and_sees_the_result_without_reloading(chromium, graded):
    sign_in(chromium, graded.link("kim"))
    assert serious_problems(chromium) == []
    chromium.find_element(By.ID, "file-binary").send_keys(str(RIGHT))
    press(chromium, "form.drop button")
    assert serious_problems(chromium) == []
    press(chromium, "button.main")
    assert score(chromium) == "100"
    assert serious_problems(chromium) == []
    width = chromium.execute_script("return document.documentElement.scrollWidth")
    assert width <= chromium.execute_script("return window.innerWidth")
    errors = [each for each in chromium.get_log("browser") if each["level"] == "SEVERE"]
    assert errors == []


def fits(driver):
    width = driver.execute_script("return document.documentElement.scrollWidth")
    return width <= driver.execute_script("return window.innerWidth")


def text(driver, selector="main"):
    """The text that is shown, read at once: a live page may replace its elements at any time."""
    return driver.execute_script("return document.querySelector(arguments[0]).innerText", selector)


def fill(driver, **fields):
    for name, value in fields.items():
        driver.find_element(By.ID, name).send_keys(value)


@pytest.mark.long
def test_the_class_page_is_accessible_and_searchable(chromium, served):
    sign_in(chromium, served.link("prof"))
    assert serious_problems(chromium) == []
    chromium.find_element(By.CSS_SELECTOR, ".students [type=search]").send_keys("이영희")
    rows = chromium.find_elements(By.CSS_SELECTOR, ".students tbody tr")
    assert [row.is_displayed() for row in rows].count(True) == 1
    pages = ["people", "questions", "log", "students/kim", "students/kim/binary"]
    pages += [f"class/binary/{name}" for name in ("export", "changes", "settings")]
    for path in pages:
        chromium.get(f"{served.url}/{path}")
        assert serious_problems(chromium) == []
        assert fits(chromium)


def upload(driver, path):
    driver.find_element(By.ID, "file-tiny").send_keys(str(path))
    press(driver, "form.drop button")
    press(driver, "button.main")
    return score(driver)


def score(driver):
    found = (By.CSS_SELECTOR, ".score strong")
    return wait(driver, lambda d: [each.text for each in d.find_elements(*found)])[0]


@pytest.mark.long
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_course_from_the_first_upload_to_the_export_in_two_browsers(
    open_chromium, running, tmp_path
):
    student, teacher = open_chromium("390,844"), open_chromium()
    sign_in(student, running.link("kim"))
    press(student, "button[value=ko]")
    assert text(student, "h1") == "과제"
    sign_in(teacher, running.link("prof"))
    assert "0 / 3" in text(teacher, ".summary")

    wrong, right = tmp_path / "tiny.py", tmp_path / "fixed.py"
    wrong.write_text("def mean_squared_error(p, t):\n    return ((p - t) ** 2).sum()\n")
    right.write_text("def mean_squared_error(p, t):\n    return ((p - t) ** 2).mean()\n")
    assert upload(student, wrong) == "0"
    assert "평균 제곱 오차" in text(student)
    wait(teacher, lambda d: "1 / 3" in text(d, ".summary"))  # without a reload

    fill(student, words="합도 맞지 않나요?")
    press(student, "#questions form button")
    assert "합도 맞지 않나요?" in text(student, "#questions")

    teacher.get(running.url + "/questions")
    teacher.find_element(By.CSS_SELECTOR, "article textarea").send_keys("Half of it is.")
    press(teacher, "article button")
    wait(teacher, lambda d: d.find_elements(By.CSS_SELECTOR, "article.passed"))
    teacher.get(running.url + "/students/kim/tiny")
    fill(teacher, points="5", reason="half right")
    press(teacher, "form[action$=adjustments] button")
    assert text(teacher, ".score strong") == "5"
    assert serious_problems(teacher) == []
    teacher.get(running.url + "/students/kim/tiny/report")
    assert serious_problems(teacher) == []

    student.refresh()
    assert "Half of it is." in text(student, "#questions")
    assert text(student, ".score strong") == "5"
    assert serious_problems(student) == []
    student.get(running.url)
    assert upload(student, right) == "100"
    assert "바뀐 점" in text(student, "#changes")
    assert fits(student)
    assert serious_problems(student) == []

    teacher.get(running.url + "/class/tiny/export")
    teacher.find_element(By.CSS_SELECTOR, "option[value=csv]").click()
    press(teacher, "main form button")
    link = wait(teacher, lambda d: d.find_elements(By.CSS_SELECTOR, "a[download], .warning"))[0]
    assert link.get_attribute("download") == "tiny-csv.csv", text(teacher)
    assert "100" in base64.b64decode(link.get_attribute("href").partition(",")[2]).decode()
    for driver in (student, teacher):
        assert [e for e in driver.get_log("browser") if e["level"] == "SEVERE"] == []


@pytest.mark.long
def test_a_lost_connection_is_said_and_the_page_goes_on(chromium, served):
    sign_in(chromium, served.link("kim"))
    chromium.find_element(By.ID, "file-binary").send_keys(str(RIGHT))
    press(chromium, "form.drop button")
    press(chromium, "button.main")
    lost = chromium.find_element(By.ID, "lost")
    assert not lost.is_displayed()
    served.server.stop()
    wait(chromium, lambda _: lost.is_displayed())
    served.server.start()
    wait(chromium, lambda _: not lost.is_displayed())
    chromium.refresh()
    assert "Yours is next" in text(chromium, "#progress")


@pytest.mark.long
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_without_script_the_page_loads_itself_again_until_the_result_is_there(
    open_chromium, running, tmp_path
):
    driver = open_chromium(script=False)
    sign_in(driver, running.link("kim"))
    right = tmp_path / "tiny.py"
    right.write_text("def mean_squared_error(p, t):\n    return ((p - t) ** 2).mean()\n")
    assert upload(driver, right) == "100"
