"""Take the screenshots in `docs/screenshots`: the reports of the graded example class in a browser.

    python tools/screenshots.py

Needs Chromium and its driver.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from grader.gradebook import Gradebook
from grader.model.record import ClassRecord
from grader.model.text import Language
from grader.reports.html import write_site

PICTURES = Path("docs/screenshots")
LANGUAGES: tuple[Language, ...] = ("ko", "en")


def main() -> None:
    """Grade the example class, write its reports, and take screenshots in both languages."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        whole = _graded(Path(folder, "results"))
        for language in LANGUAGES:
            index = write_site(whole, Path(folder, language), language)
            browser.set_window_size(1280, 1750)
            browser.get(index.as_uri())
            Select(browser.find_element(By.ID, "highlight")).select_by_visible_text("s05")
            browser.save_screenshot(PICTURES / f"class-{language}.png")
            browser.set_window_size(900, 1750)
            browser.get((index.parent / "students/s05/wine.html").as_uri())
            browser.save_screenshot(PICTURES / f"student-{language}.png")


def _graded(results: Path) -> ClassRecord:
    command = [sys.executable, "-m", "grader", "batch", "examples/class", "-o", str(results)]
    subprocess.run(command, check=False)  # it says by its exit code that one file can't be graded
    with Gradebook(results) as gradebook:
        return gradebook.class_record()


def _browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


if __name__ == "__main__":
    main()
