"""A real browser without a window: Chromium, driven by Selenium, with WebGL in software."""

import json
import shutil
import time

import pytest


def start_browser(width=1500, height=1300, *more):
    """Start Chromium, with more flags if given; skip the test when it is not there."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (  # without a graphics card, as far as Chromium knows: all is drawn in software
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
        *("--enable-unsafe-swiftshader", f"--window-size={width},{height}"),
        *more,
    ):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=webdriver.ChromeService(driver), options=options)


class Report:
    """A report that is open in a browser."""

    def __init__(self, driver, path):
        self.driver = driver
        driver.get_log("performance")
        driver.get_log("browser")
        driver.get(path.absolute().as_uri())
        self.wait_for("document.querySelector('article[data-ready]') !== null")

    def run(self, script, *arguments):
        """Run a script; `page` is what the report knows of the first page."""
        lead = "const page = window.reportPages[0];"
        return self.driver.execute_script(lead + script, *arguments)

    def wait_for(self, condition, seconds=60):
        """Wait until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return Boolean({condition});"):
            assert time.monotonic() < end, f"not in {seconds} s: {condition}"
            time.sleep(0.05)

    def find(self, selector):
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        return self.driver.find_elements("css selector", selector)

    def picture(self, selector):
        """Bytes of a canvas as it is drawn now."""
        script = "return [...document.querySelectorAll(arguments[0])].map(c => c.toDataURL());"
        self.run("page.viewer.planes.forEach(p => p.draw()); page.viewer.surface.draw();")
        return self.run(script, selector)

    def requests(self):
        """Addresses that the page asked for, besides itself and what it made itself."""
        sent = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                sent.append(message["params"]["request"]["url"])
        own = self.driver.current_url.split("#")[0]
        return [
            url for url in sent if url.split("#")[0] != own and url[:5] not in ("data:", "blob:")
        ]

    def complaints(self):
        """What the console says, but for remarks of Chromium on drawing in software."""
        said = [entry["message"] for entry in self.driver.get_log("browser")]
        return [message for message in said if "GL Driver Message" not in message]
