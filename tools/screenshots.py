"""Take the pictures of `docs/screenshots`: the example class, graded, as a browser shows its pages.

    python tools/screenshots.py

It needs Chromium with its driver.
"""

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from grader.assignment import load_assignments
from grader.batch import grade_all
from grader.grading import Grader
from grader.intake import files_in, hand_in
from grader.record import ClassRecord, Record
from grader.reports.html import write_site
from grader.text import Language

PICTURES = Path("docs/screenshots")
LANGUAGES: tuple[Language, ...] = ("ko", "en")


def main() -> None:
    """Grade the example class, write its pages, and take their pictures in both languages."""
    whole = _graded()
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        for language in LANGUAGES:
            index = write_site(whole, Path(folder, language), language)
            browser.set_window_size(1280, 1750)
            browser.get(index.as_uri())
            Select(browser.find_element(By.ID, "highlight")).select_by_visible_text("s05")
            browser.save_screenshot(PICTURES / f"class-{language}.png")
            browser.set_window_size(900, 1750)
            browser.get((index.parent / "students/s05/wine.html").as_uri())
            browser.save_screenshot(PICTURES / f"student-{language}.png")


def _graded() -> ClassRecord:
    assignments = load_assignments(Path("solutions"))
    hand_ins = [hand_in(file, assignments) for file in files_in(Path("examples/class"))]
    cells = {each.submission.sha256: each.submission.cells for each in hand_ins}
    with Grader() as grader:
        reports = list(grade_all(grader, hand_ins, jobs=1))
    return ClassRecord(
        assignments=tuple(assignments.values()),
        records=tuple(
            Record(
                report=report,
                origin=report.submission,
                graded_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
                cells=cells[report.sha256],
            )
            for report in reports
        ),
    )


def _browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


if __name__ == "__main__":
    main()
