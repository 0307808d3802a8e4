"""Opens a page without a network, wipes, scrubs and types, and prints what the page then shows."""

import json
import sys
import time

from playwright.sync_api import sync_playwright

executable, address, folder = sys.argv[1:]
ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
PIXEL = """([x, y]) => { const c = document.getElementById('picture'), p = new Uint8Array(4);
  const gl = c.getContext('webgl2');
  gl.readPixels(Math.floor(x * c.width), Math.floor((1 - y) * c.height), 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, p);
  return Array.from(p.slice(0, 3)); }"""

with sync_playwright() as play:
    chromium = play.chromium.launch(executable_path=executable, args=ARGUMENTS)
    context = chromium.new_context(offline=True, viewport={"width": 1200, "height": 1400})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    began = time.monotonic()
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    seen = {"opened_seconds": time.monotonic() - began}

    def where() -> str:
        return page.inner_text("#where")

    def frame_is(number: int) -> None:
        # the page's own policy forbids playwright's wait_for_function, which evaluates text
        for _ in range(400):
            if where().startswith(f"Frame {number}"):
                return
            page.wait_for_timeout(25)
        raise TimeoutError(f"frame {number} is not shown: {where()}")

    frame_is(1001)
    middle = [0.5, 0.45]
    seen["first"] = where()
    page.keyboard.press("b")
    seen["before"] = page.evaluate(PIXEL, middle)
    page.keyboard.press("a")
    seen["after"] = page.evaluate(PIXEL, middle)
    page.keyboard.press("d")
    seen["difference"] = page.evaluate(PIXEL, middle)
    seen["difference_outside"] = page.evaluate(PIXEL, [0.03, 0.03])
    page.keyboard.press("i")
    # the middle of row 23 of 56: see test_browser.INVENTED
    seen["invention_edge"] = page.evaluate(PIXEL, [36.5 / 72, 23.5 / 56])
    seen["invention_outside"] = page.evaluate(PIXEL, [0.03, 0.03])
    page.keyboard.press("s")  # this result has none: nothing happens
    seen["plots"] = page.inner_text("#plots")
    page.keyboard.press("w")
    box = page.locator("#picture").bounding_box()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    seen["wiped_right"] = page.evaluate(PIXEL, middle)
    seen["wipe"] = page.get_attribute("#handle", "aria-valuenow")
    page.focus("#handle")
    page.keyboard.press("Home")
    seen["wiped_left"] = page.evaluate(PIXEL, middle)
    page.focus("#picture")
    page.keyboard.press("ArrowRight")
    frame_is(1002)
    page.keyboard.press("End")
    frame_is(1004)
    seen["last"] = where()
    page.locator("#scrub").fill("1")
    frame_is(1002)
    page.keyboard.press("+")
    page.keyboard.press("a")
    seen["brighter"] = page.evaluate(PIXEL, middle)
    # a box is ticked with the space bar and a slider jumps with Home, without the page's own meaning of them
    page.focus("#matte")
    page.keyboard.press("Space")
    seen["matte"] = where()
    page.focus("#exposure")
    page.keyboard.press("Home")
    seen["least"] = where()
    page.keyboard.press("End")
    page.focus("#tracks")
    page.keyboard.press("Space")
    seen["squares"] = page.locator("#stage rect").count()
    page.keyboard.press("t")
    seen["playing"] = page.get_attribute("#play", "aria-pressed")
    page.focus("#play")
    page.keyboard.press("Space")
    seen["heard_while_playing"] = page.get_attribute("#where", "aria-live")
    page.keyboard.press("Space")
    seen["heard_then"] = page.get_attribute("#where", "aria-live")
    page.focus("summary")
    page.keyboard.press("Space")
    page.wait_for_selector("#table td")
    seen["rows"] = page.locator("#table tr").count()
    seen["names"] = page.evaluate(
        "Array.from(document.querySelectorAll('button, input, [role=slider], [role=img]')).filter("
        "e => !(e.getAttribute('aria-label') || e.textContent.trim()"
        " || (e.labels && e.labels.length))).map(e => e.outerHTML)"
    )
    page.screenshot(path=f"{folder}/page.png", full_page=True)
    seen["shapes"] = []
    for width in (390, 1200):
        page.set_viewport_size({"width": width, "height": 844})
        stage, shown = (page.locator(part).bounding_box() for part in ("#stage", "#picture"))
        wide = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        seen["shapes"].append([stage == shown, round(shown["width"] / shown["height"], 2), wide])
    seen["complaints"] = complaints
    chromium.close()
print(json.dumps(seen))
