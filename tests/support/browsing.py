"""A real browser, and pages of it that must raise no complaint."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.requirements import find_program

_FLAGS = ["--no-sandbox", "--disable-quic", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium."""
    program = find_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield browser
        browser.close()


@contextmanager
def spotless_page(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """Open a page; errors, refused resources, dialogs and requests to other hosts all fail the test."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    complaints: list[str] = []
    elsewhere: list[str] = []

    def note_failure(request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # cut off by the next page: no fault
            complaints.append(f"{request.failure}: {request.url}")

    def note_dialog(dialog: Any) -> None:
        complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", note_failure)
    page.on("dialog", note_dialog)
    ours = (address, "data:")
    page.on("request", lambda request: request.url.startswith(ours) or elsewhere.append(request.url))
    yield page
    context.close()
    assert not complaints, complaints
    assert not elsewhere, elsewhere
