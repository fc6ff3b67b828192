#!/usr/bin/env python3
"""look.py [FOLDER]: opens ten pages of each language in Chromium, on a phone and on a desk, light and dark.

A page fails if it is wider than the screen, if its text is not where it should be, or if text and background have nearly
the same colour. The pictures stay in FOLDER/looks (build/site/looks) for a person to look at. Without Chromium the script
says so and ends with status 0.
"""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PAGES = ["index.html", "lessons.html", "lesson_10_tcp_hello.html", "lesson_21_epoll_server.html", "exercise_14_lines.html",
         "errata.html", "glossary.html", "architecture.html", "tcp_8hpp.html", "search.html?q=TIME_WAIT",
         "classnetnotes_1_1tcp__stream.html"]
SCREENS = {"phone": (390, 844), "desk": (1280, 900)}

SHEET = '''<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0;background:#888}
main{display:flex;gap:8px;width:max-content}iframe{border:0;background:#fff}</style><main></main><pre id="found"></pre><script>
const pages = PAGES, width = WIDTH, height = HEIGHT, dark = DARK, faults = [];
const channels = colour => (colour.match(/[\\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
const light = colour => channels(colour).map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
function behind(element, view) {
    for (; element; element = element.parentElement) {
        const colour = view.getComputedStyle(element).backgroundColor;
        if (!/rgba\\(.*, 0(\\.\\d+)?\\)/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
}
function look(frame, page) {
    const view = frame.contentWindow, root = view.document.documentElement;
    root.classList.toggle("dark-mode", dark);
    root.classList.toggle("light-mode", !dark);
    const wide = root.scrollWidth;
    if (wide > width) {
        const culprit = [...view.document.querySelectorAll(".contents *, #bar *, .header *")].find(each =>
            each.getBoundingClientRect().right > width + 1 && !each.closest(".wide, pre, nav, .fragment"));
        faults.push(page + ": " + wide + " pixels wide on a screen of " + width + ": " +
            (culprit ? culprit.tagName + " " + culprit.className + " " + culprit.textContent.slice(0, 60) : ""));
    }
    if (view.document.body.innerText.trim().length < 200) faults.push(page + ": has nearly no text");
    for (const each of [...view.document.querySelectorAll("p, td, th, li, h2, h3, pre, a, summary, code, dd, dt, .title, .line")]
            .slice(0, 600)) {
        if (!each.textContent.trim() || each.closest("svg") || !each.getClientRects().length || each.classList.contains("here"))
            continue;
        const a = light(view.getComputedStyle(each).color), b = light(behind(each, view));
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 2.6) {
            faults.push(page + ": contrast " + contrast.toFixed(1) + " of " + each.tagName + " " + each.className + ": " +
                each.textContent.trim().slice(0, 40));
            break;
        }
    }
}
const frames = pages.map(page => {
    const frame = document.createElement("iframe");
    frame.width = width;
    frame.height = height;
    frame.src = page;
    document.querySelector("main").append(frame);
    return new Promise(done => frame.onload = () => setTimeout(() => { look(frame, page); done(); }, 300));
});
Promise.all(frames).then(() => document.getElementById("found").textContent = JSON.stringify(faults));
</script>'''


def chromium():
    for name in "chromium", "chromium-browser", "google-chrome":
        if shutil.which(name):
            return name
    return None


def main(arguments):
    if len(arguments) > 1 or arguments[:1] and arguments[0].startswith("-"):
        is_asked = arguments in (["--help"], ["-h"])
        print(__doc__, file=sys.stdout if is_asked else sys.stderr)
        return 0 if is_asked else 2
    folder = pathlib.Path(arguments[0] if arguments else HERE.parent.parent / "build" / "site").resolve()
    browser = chromium()
    if not browser:
        print("look: SKIPPED, because Chromium is not installed (Debian: chromium, fonts-noto-cjk)")
        return 0
    looks, faults = folder / "looks", []
    looks.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        for language in "en", "zh":
            for screen, (width, height) in SCREENS.items():
                for dark in False, True:
                    name = f"{language}_{screen}_{'dark' if dark else 'light'}"
                    sheet = folder / language / f"look_{name}.html"
                    text = SHEET.replace("PAGES", json.dumps(PAGES)).replace("WIDTH", str(width)).replace("HEIGHT", str(height))
                    sheet.write_text(text.replace("DARK", "true" if dark else "false"), encoding="utf-8")
                    try:
                        done = subprocess.run(
                            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-prefers-reduced-motion",
                             "--allow-file-access-from-files", f"--user-data-dir={profile}", "--virtual-time-budget=20000",
                             f"--window-size={(width + 8) * len(PAGES)},{height + 20}", f"--screenshot={looks / (name + '.png')}",
                             "--dump-dom", sheet.as_uri()], capture_output=True, text=True, timeout=180)
                        found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.S)
                        if not found:
                            faults.append(f"{name}: Chromium gave no answer: {done.stderr[-300:]}")
                        else:
                            faults += [f"{name}: {each}" for each in json.loads(html.unescape(found[1]))]
                    except subprocess.TimeoutExpired:
                        faults.append(f"{name}: Chromium did not end within 180 s")
                    finally:
                        sheet.unlink()
    print(f"look: {len(PAGES)} pages in 2 languages on 2 screens, light and dark: {len(faults)} faults; pictures in {looks}")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
