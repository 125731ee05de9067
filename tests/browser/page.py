"""A page in a browser, its shadow roots and frames included."""

import time
from pathlib import Path
from typing import Any

# TensorBoard is Angular, with Polymer within it, whose elements have roots of their own, and the projector in a frame.
WALK = """
function* walk(root) {
  for (const node of root.querySelectorAll('*')) {
    if (['STYLE', 'SCRIPT', 'TEMPLATE'].includes(node.tagName)) continue;
    yield node;
    if (node.shadowRoot) yield* walk(node.shadowRoot);
    if (node.tagName === 'IFRAME' && node.contentDocument) yield* walk(node.contentDocument);
  }
}
const nodes = [...walk(document)];
"""
TEXTS = """
return nodes.flatMap(node => [...node.childNodes].filter(child => child.nodeType === 3))
  .map(child => child.textContent.trim()).filter(text => text);
"""
IMAGES = """
return nodes.filter(node => node.tagName === 'IMG' && node.getClientRects().length)
  .map(node => [node.src.slice(0, 200), node.complete && node.naturalWidth]);
"""
CLICK = """
const found = nodes.find(node => node.matches(arguments[0]));
if (found) found.click();
return Boolean(found);
"""
TIMEOUT_S = 60


class Page:
    """Looks at what a browser shows.

    Args:
        browser: A driver of selenium.
        screenshots: Where to keep pictures; None keeps none.
    """

    def __init__(self, browser: Any, screenshots: Path | None) -> None:
        self.browser = browser
        self.screenshots = screenshots

    def open(self, address: str) -> None:
        """Go to an address."""
        self.browser.get(address)

    def script(self, script: str, *arguments: Any) -> Any:
        """Run a script that sees all elements as `nodes`."""
        return self.browser.execute_script(WALK + script, *arguments)

    def texts(self) -> list[str]:
        """Give all pieces of text."""
        return self.script(TEXTS)

    def images(self) -> dict[str, int]:
        """Give the width of each image that is shown, 0 for one that did not load."""
        return {source: int(width) for source, width in self.script(IMAGES)}

    def click(self, selector: str) -> None:
        """Click the first element of a selector, once it is there."""
        self.wait(lambda: self.script(CLICK, selector), f"no element '{selector}'")

    def wait_for_texts(self, *wanted: str) -> None:
        """Wait until every text is there, as a piece or within one."""

        def missing() -> list[str]:
            texts = self.texts()
            return [text for text in wanted if not any(text in found for found in texts)]

        self.wait(lambda: not missing(), lambda: f"missing: {missing()}")

    def wait(self, is_there: Any, what: Any) -> None:
        """Wait until something is so, or fail with what is not."""
        end = time.monotonic() + TIMEOUT_S
        while not is_there():
            assert time.monotonic() < end, what() if callable(what) else what
            time.sleep(0.25)

    def errors(self) -> list[str]:
        """Give the errors in the console since this was asked last."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def keep(self, name: str) -> None:
        """Keep a picture, if pictures are kept."""
        if self.screenshots is not None:
            time.sleep(2)  # Charts are drawn bit by bit.
            self.screenshots.mkdir(parents=True, exist_ok=True)
            self.browser.save_screenshot(str(self.screenshots / f"{name}.png"))
