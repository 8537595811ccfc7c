"""The page in a real browser: no message, no request, nothing taken over, nothing too wide."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
from report_samples import HOSTILE, evidence

from kerato.report import write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--allow-file-access-from-files"),
    *("--enable-logging=stderr", "--virtual-time-budget=4000"),
    # What the browser wants for itself finds no host.
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--no-proxy-server"),
)
WIDTHS = (390, 1400)
OWN = re.compile(r"\w+://([\w.-]+\.)?(google|googleapis|gstatic)\.com[:/]")

#: looks at the report in frames of both widths and writes down what it finds
LOOKER = """<!DOCTYPE html><meta charset="utf-8"><title>looker</title>
<pre id="found"></pre>
{frames}
<script>
addEventListener("load", () => {{
  const found = [...document.querySelectorAll("iframe")].map((frame) => {{
    const page = frame.contentDocument, root = page.documentElement;
    const sides = [...page.body.querySelectorAll("*")].filter((e) => !e.closest(".scroll, pre, svg"));
    return {{
      title: page.title, wanted: frame.width * 1, width: root.scrollWidth, height: root.scrollHeight,
      wide: sides.filter((e) => e.getBoundingClientRect().right > frame.width * 1 + 1).map((e) => e.tagName),
      broken: [...page.images].filter((image) => !image.naturalWidth).length, pictures: page.images.length,
      scripts: page.scripts.length, paper: getComputedStyle(page.body).backgroundColor,
      asked: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
      first: page.querySelector(".next").getBoundingClientRect().bottom,
    }};
  }});
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


@pytest.fixture(scope="module", params=["light", "dark"])
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the browser finds in reports with hostile and with ordinary names, and what it says and asks for."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("browser")
    write(folder / "hostile.html", evidence(HOSTILE))
    write(folder / "plain.html", evidence([f"long class name {i}" for i in range(20)]))
    frames = [f'<iframe src="{n}.html" width={w} height=844></iframe>' for n in ("hostile", "plain") for w in WIDTHS]
    (folder / "looker.html").write_text(LOOKER.format(frames="\n".join(frames)), encoding="utf-8")
    dark = ["--blink-settings=preferredColorScheme=0"] if request.param == "dark" else []
    log = folder / "net.json"
    command = [CHROMIUM, *FLAGS, *dark, f"--user-data-dir={folder / 'profile'}", f"--log-net-log={log}", "--dump-dom"]
    page = (folder / "looker.html").as_uri()
    done = subprocess.run([*command, page], capture_output=True, text=True, timeout=60, check=True)
    found = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    asked = set(re.findall(r'"url":"((?:https?|wss?|ftp):[^"]*)"', log.read_text(encoding="utf-8")))
    return {
        "form": request.param,
        "frames": json.loads(found[1]),
        "said": [line for line in done.stderr.splitlines() if "CONSOLE" in line],
        "asked": {url for url in asked if not OWN.match(url)},
    }


def test_the_browser_says_nothing_and_asks_for_nothing(seen: dict[str, Any]) -> None:
    assert seen["said"] == []
    assert seen["asked"] == set()
    assert [url for frame in seen["frames"] for url in frame["asked"] if not url.startswith("data:")] == []


def test_names_take_nothing_over(seen: dict[str, Any]) -> None:
    assert [frame["scripts"] for frame in seen["frames"]] == [0] * 4
    assert {frame["title"] for frame in seen["frames"] if frame["title"] == "taken"} == set()
    assert all(frame["title"].endswith("Kerato report") for frame in seen["frames"])


def test_it_fits_a_telephone_and_a_desk(seen: dict[str, Any]) -> None:
    for frame in seen["frames"]:
        assert (frame["wide"], frame["broken"]) == ([], 0)
        assert frame["width"] <= frame["wanted"]
        assert frame["pictures"] > 10


def test_score_verdict_and_next_step_are_on_the_first_screen(seen: dict[str, Any]) -> None:
    assert [frame["first"] <= 844 for frame in seen["frames"]] == [True] * 4


def test_it_follows_the_dark_form(seen: dict[str, Any]) -> None:
    paper = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 27)"}[seen["form"]]
    assert {frame["paper"] for frame in seen["frames"]} == {paper}
