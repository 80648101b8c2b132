"""Take the screenshots in `docs/screenshots`: the pages of the graded example class, as people see them.

    python tools/screenshots.py [RESULTS]

Grades the example class unless RESULTS is a folder in which that was done. Needs Chromium and its driver.
"""

import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from grader.gradebook import Gradebook
from grader.gradebook.extract import notebooks
from grader.model.record import ClassRecord, RosterEntry
from grader.model.text import Language
from grader.reports.html import write_site

PICTURES = Path("docs/screenshots")
CLASS = Path("examples/class")
LANGUAGES: tuple[Language, ...] = ("ko", "en")
NAMES = [
    "김하늘",
    "이서준",
    "박지우",
    "최민서",
    "정도윤",
    "강예은",
    "조현우",
    "윤서연",
    "장지호",
    "임수아",
    "한태양",
    "오유진",
    "문시우",
]
PAGES = {
    "class": "index.html",
    "student": "students/s07/wine.html",
    "assistant": "assistant/s07/wine.html",
}


class View(msgspec.Struct, frozen=True):
    """How a page is looked at."""

    name: str
    width: int
    height: int
    scheme: str = "light"
    media: str = "screen"


VIEWS = (
    View("", 1400, 1150),
    View("-phone", 390, 1700),
    View("-dark", 1024, 1300, scheme="dark"),
    View("-print", 1000, 1300, media="print"),
)


def main(results: str = "") -> None:
    """Write the pages of the example class, and take a screenshot of each in each view and language."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        whole = _named(_graded(Path(results) if results else Path(folder, "results")))
        files = notebooks(whole, [str(CLASS)])
        for language in LANGUAGES:
            site = write_site(whole, Path(folder, language), language, notebooks=files).parent
            for name, page in PAGES.items():
                for view in VIEWS:
                    picture = PICTURES / f"{name}{view.name}-{language}.png"
                    picture.write_bytes(_picture(browser, site / page, view))


def _graded(results: Path) -> ClassRecord:
    if not results.exists():
        command = [sys.executable, "-m", "grader", "batch", str(CLASS), "-o", str(results)]
        subprocess.run(command, check=False)  # its exit code says that one file can't be graded
    with Gradebook(results) as gradebook:
        return gradebook.class_record()


def _named(record: ClassRecord) -> ClassRecord:
    roster = tuple(RosterEntry(f"s{n:02}", name) for n, name in enumerate(NAMES, start=1))
    return msgspec.structs.replace(record, roster=roster)


def _picture(browser: webdriver.Chrome, page: Path, view: View) -> bytes:
    scheme = {"name": "prefers-color-scheme", "value": view.scheme}
    metrics = {
        "width": view.width,
        "height": view.height,
        "deviceScaleFactor": 1,
        "mobile": view.width < 500,
    }
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"media": view.media, "features": [scheme]}
    )
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(page.resolve().as_uri())
    return base64.b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", {})["data"])


def _browser() -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"):
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))


if __name__ == "__main__":
    main(*sys.argv[1:])
