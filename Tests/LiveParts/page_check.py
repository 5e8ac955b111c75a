#!/usr/bin/env python3
"""Clicks through the preview page in headless Chromium, as a person would.

    page_check.py URL [--shots FOLDER]

Checks that the console stays empty, the picture moves and is not of one colour, a click reads a depth, colour map
and layout change the picture, keys move the point, and a phone's window has it all without scrolling sideways.
Prints one line and ends with status 0, or says what is wrong and ends with 1. Needs the packages chromium,
chromium-driver and python3-selenium (the system's own python3).
"""
import argparse
import os
import sys
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

# The picture, much reduced, as a list of red, green, blue; and its sides.
READ = """
const canvas = document.getElementById("picture"), small = document.createElement("canvas");
[small.width, small.height] = [48, 24];
const context = small.getContext("2d");
context.drawImage(canvas, 0, 0, 48, 24);
return [canvas.width, canvas.height, Number(canvas.dataset.shown || 0),
    [...context.getImageData(0, 0, 48, 24).data].filter((_, i) => i % 4 < 3)];
"""


class Wrong(Exception):
    """What a person would complain about."""


def demand(holds, complaint):
    if not holds:
        raise Wrong(complaint)


def until(seconds, condition, complaint):
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        demand(time.monotonic() < end, complaint)
        time.sleep(0.1)


class Page:
    def __init__(self, url, shots):
        self.url, self.shots = url, shots
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--hide-scrollbars"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(20)

    def window(self, width, height, is_phone=False):
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 2 if is_phone else 1, "mobile": is_phone})

    def open(self):
        self.driver.get(self.url)
        self.wait_for_pictures()

    def by_id(self, name):
        return self.driver.find_element("id", name)

    def picture(self):
        width, height, shown, values = self.driver.execute_script(READ)
        return width, height, shown, values

    def wait_for_pictures(self, count=3):
        before = self.picture()[2]
        until(20, lambda: self.picture()[2] >= before + count, "no pictures come")

    def shot(self, name):
        if self.shots:
            os.makedirs(self.shots, exist_ok=True)
            self.driver.save_screenshot(os.path.join(self.shots, name + ".png"))

    def choose(self, name, value):
        Select(self.by_id(name)).select_by_value(value)

    def click_at(self, x, y):
        canvas = self.by_id("picture")
        size = canvas.size
        ActionChains(self.driver).move_to_element_with_offset(
            canvas, int((x - 0.5) * size["width"]), int((y - 0.5) * size["height"])).click().perform()

    def reading(self):
        def value():
            text = self.by_id("value").text if self.by_id("reading").is_displayed() else ""
            return text if text and text != "–" else None
        return until(5, value, "a click reads no depth"), self.by_id("unit").text

    def console(self):
        return [f"{entry['level']}: {entry['message']}" for entry in self.driver.get_log("browser")]


def difference(one, other):
    """Mean difference of two pictures' values, 0…255."""
    return sum(abs(a - b) for a, b in zip(one, other)) / len(one)


def check_picture(page):
    width, height, _, first = page.picture()
    demand(max(first) - min(first) > 40, "the picture is of one colour")
    half = len(first) // 48
    left = [value for row in range(24) for value in first[row * 144:row * 144 + 72]]
    right = [value for row in range(24) for value in first[row * 144 + 72:row * 144 + 144]]
    demand(half and difference(left, right) > 5, "picture and depth are not two different halves")
    demand(width > 2 * height, f"the picture is {width}×{height}, not two side by side")
    moved = until(10, lambda: difference(first, page.picture()[3]) > 0.05 or None, "the picture stands still")
    return moved


def check_point(page):
    words = ("m", "relative depth", "relative inverse depth")
    values = []
    for x, y in ((0.1, 0.8), (0.4, 0.2), (0.9, 0.5)):
        page.click_at(x, y)
        time.sleep(0.5)
        value, unit = page.reading()
        demand(unit in words, f"the unit is {unit!r}")
        values.append(float(value))
    shown = page.driver.execute_script(
        "return [...document.querySelectorAll('.marker')].filter((m) => !m.hidden).length")
    demand(shown == 2, f"{shown} markers are shown, not one in each half")
    place = page.by_id("place").text
    page.by_id("picture").send_keys(Keys.ARROW_LEFT * 5)
    until(5, lambda: page.by_id("place").text != place, "the arrow keys don't move the point")
    return value, unit


def check_choices(page):
    _, _, _, before = page.picture()
    page.choose("colormap", "viridis")
    until(10, lambda: difference(before, page.picture()[3]) > 8, "another colour map changes nothing")
    page.wait_for_pictures()
    _, _, _, before = page.picture()
    page.by_id("invert").click()
    until(10, lambda: difference(before, page.picture()[3]) > 8, "inverting changes nothing")
    page.by_id("invert").click()
    page.choose("range", "fixed")
    demand(page.by_id("low").is_displayed(), "a fixed range has no fields for its ends")
    page.choose("range", "scene")
    for layout in ("stacked", "depth", "overlay", "inset"):
        page.choose("layout", layout)
        until(10, lambda: page.by_id("picture").get_attribute("data-layout") == layout,
              f"the layout {layout} doesn't come")
        width, height, _, _ = page.picture()
        demand(width < 2.5 * height, f"{layout} is {width}×{height}")
    page.choose("layout", "auto")
    until(10, lambda: page.picture()[0] > 2 * page.picture()[1], "side by side doesn't come back")
    page.choose("colormap", "inferno")
    page.wait_for_pictures()


def check_phone(page):
    page.window(390, 844, is_phone=True)
    page.open()
    until(10, lambda: page.by_id("picture").get_attribute("data-layout") == "stacked",
          "a narrow window isn't stacked")
    across = page.driver.execute_script("return document.documentElement.scrollWidth")
    demand(across <= 390, f"the page is {across} wide on a phone of 390")
    page.click_at(0.6, 0.7)
    page.reading()
    time.sleep(3)
    page.shot("phone")
    height = page.driver.execute_script("return document.documentElement.scrollHeight")
    page.window(390, min(height, 3000), is_phone=True)
    time.sleep(1)
    page.shot("phone-whole")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--shots", help="folder for screenshots")
    arguments = parser.parse_args()
    page = Page(arguments.url, arguments.shots)
    try:
        page.window(1280, 800)
        page.open()
        check_picture(page)
        value, unit = check_point(page)
        page.wait_for_pictures(20)
        page.shot("desktop")
        check_choices(page)
        state = page.by_id("state-word").text
        check_phone(page)
        console = page.console()
        demand(not console, f"the console says: {console[:3]}")
        print(f"page ok: {state}, depth {value} {unit}, {page.picture()[2]} pictures on the phone")
        return 0
    except Wrong as complaint:
        page.shot("wrong")
        print(f"page wrong: {complaint}; console: {page.console()[:5]}")
        return 1
    except WebDriverException as failure:
        print(f"page wrong: {failure.msg}")
        return 1
    finally:
        page.driver.quit()


if __name__ == "__main__":
    sys.exit(main())
