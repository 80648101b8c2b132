"""The card as students see it, in JupyterLab in a real browser."""

import os
import shutil
import subprocess
import sys
import time
import warnings
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("jupyterlab", reason="pip install jupyterlab")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.wait import WebDriverWait

ROOT = Path(__file__).parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PORT = 18888
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on this machine"
    ),
]


@pytest.fixture
def lab(tmp_path):
    """JupyterLab with a released notebook whose sigmoid is right."""
    shutil.copytree(ROOT / "assignments" / "binary", tmp_path, dirs_exist_ok=True)
    path = tmp_path / "binary.ipynb"
    notebook = nbformat.read(path, as_version=4)
    right = "import torch\n\ndef sigmoid(z):\n    return torch.sigmoid(z)"
    notebook.cells = [notebook.cells[0], nbformat.v4.new_code_cell(right), notebook.cells[-1]]
    nbformat.write(notebook, path)
    options = ("--no-browser", "--allow-root", "--IdentityProvider.token=", f"--port={PORT}")
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={tmp_path}"]
    env = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", "JUPYTER_CONFIG_DIR": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd=tmp_path)
    yield f"http://127.0.0.1:{PORT}/lab/tree/binary.ipynb"
    server.terminate()
    server.wait(30)


@pytest.fixture
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1400"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(120)
    yield driver
    driver.quit()


@pytest.mark.long
def test_the_card_in_jupyterlab(lab, browser):
    wait = WebDriverWait(browser, 180)
    for _ in range(60):
        try:
            browser.get(lab)
            break
        except Exception:
            time.sleep(1)
    wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
    wait.until(lambda b: "Idle" in b.find_element(By.TAG_NAME, "body").get_attribute("innerHTML"))
    run_all = [
        e for e in browser.find_elements(By.CSS_SELECTOR, ".lm-MenuBar-item") if e.text == "Run"
    ]
    run_all[0].click()
    wait.until(
        lambda b: b.find_elements(By.CSS_SELECTOR, '.lm-Menu-item[data-command="runmenu:run-all"]')
    )[0].click()
    card = wait.until(lambda b: b.find_elements(By.CSS_SELECTOR, ".grader-card li"))

    assert len(card) == 7
    passed = [each.text for each in card if "passed" in each.text]
    assert len(passed) == 1
    assert "Sigmoid" in passed[0]
    assert browser.find_elements(By.CSS_SELECTOR, ".grader-card .g-passed .g-mark")[0].text == "✓"
    pictures = os.environ.get("GRADER_PICTURES")
    if pictures:
        browser.save_screenshot(f"{pictures}/lab.png")
