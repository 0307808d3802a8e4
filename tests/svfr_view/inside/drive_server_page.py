"""Opens the server's page with its token, reads it with eyes and keyboard, and prints what it shows."""

import json
import sys

from playwright.sync_api import sync_playwright

executable, address, folder = sys.argv[1:]

with sync_playwright() as play:
    chromium = play.chromium.launch(executable_path=executable, args=["--no-sandbox"])
    context = chromium.new_context(viewport={"width": 1100, "height": 1000})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda one: None if one.url.startswith(address.split("?")[0]) else elsewhere.append(one.url),
    )
    page.goto(address)
    page.wait_for_selector("#running img.picture")
    page.wait_for_selector("#running .facts:has-text('frames a minute')", timeout=60_000)
    seen = {"address": page.url, "summary": page.inner_text("#summary"), "title": page.title()}
    seen["picture_px"] = page.evaluate("document.querySelector('#running img').naturalWidth")
    seen["alt"] = page.get_attribute("#running img", "alt")
    for part in ("running", "queue", "machine", "faults"):
        seen[part] = page.inner_text(f"#{part}")
    first = page.get_attribute("#running progress", "value")
    for _ in range(200):
        if page.get_attribute("#running progress", "value") != first:
            break
        page.wait_for_timeout(50)
    seen["is_live"] = page.get_attribute("#running progress", "value") != first
    page.keyboard.press("Tab")
    seen["focus"] = page.evaluate("document.activeElement.id")
    page.keyboard.press("Enter")
    seen["stopped"] = page.inner_text("#pause")
    when = page.inner_text("#when")
    page.wait_for_timeout(3500)
    seen["is_still"] = page.inner_text("#when") == when
    page.keyboard.press("Enter")
    seen["focus_kept"] = page.evaluate("document.activeElement.id")
    seen["roles"] = page.evaluate(
        "['summary', 'lost'].map(id => document.getElementById(id).getAttribute('role'))"
    )
    seen["headings"] = page.evaluate(
        "Array.from(document.querySelectorAll('h1, h2, h3'), e => e.tagName).join(' ')"
    )
    seen["unnamed"] = page.evaluate(
        "Array.from(document.querySelectorAll('button, progress, img, table')).filter("
        "e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.alt || e.caption))"
        ".map(e => e.outerHTML)"
    )
    seen["scripts_inside"] = page.evaluate("document.querySelectorAll('script:not([src])').length")
    seen["forms"] = page.evaluate("document.querySelectorAll('form, a[href]').length")
    page.set_viewport_size({"width": 390, "height": 844})
    seen["is_wide_on_a_telephone"] = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    seen["grounds"] = []
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)
        seen["grounds"].append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    page.set_viewport_size({"width": 1100, "height": 1000})
    page.screenshot(path=f"{folder}/server.png", full_page=True)
    seen["complaints"], seen["elsewhere"] = list(complaints), elsewhere
    # a page without the token, as another program of the machine would open it
    other = chromium.new_context().new_page()
    answer = other.goto(address.split("?")[0])
    seen["without_token"] = answer.status if answer else None
    chromium.close()
print(json.dumps(seen))
