"""A headless Chromium for tests, driven over a pipe with the DevTools protocol: no port, no package.

The browser gets a profile of its own, which goes with it. It is found on the PATH or named by CHROMIUM.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE: Final = 60.0
"""Seconds a command may take."""
# The protocol wants its pipe as descriptors 3 (commands) and 4 (answers) of the browser.
_LAUNCH: Final = (
    "import os, sys; read, write = int(sys.argv[1]), int(sys.argv[2]); "
    "read, write = os.dup(read), os.dup(write); "
    "high = [os.dup2(read, 20), os.dup2(write, 21)]; os.dup2(20, 3); os.dup2(21, 4); "
    "os.execvp(sys.argv[3], sys.argv[3:])"
)
_FLAGS: Final = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


def find_chromium() -> str | None:
    """The browser's command; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return next((path for name in ((named,) if named else NAMES) if (path := shutil.which(name))), None)


class ChromiumError(Exception):
    """The browser answered with an error, or not at all."""


class Tab:
    """One page of a running browser; `events` are those it has sent so far."""

    def __init__(self, commands: int, answers: int) -> None:
        self.events: list[dict[str, Any]] = []
        self._commands, self._answers = commands, answers
        self._session: str | None = None
        self._number = 0
        self._rest = b""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The result of a command."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while True:
            answer = self._read(time.monotonic() + PATIENCE)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise ChromiumError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise."""
        done = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise ChromiumError(f"{expression}: {done['exceptionDetails']}")
        return done["result"].get("value")

    def open(self, address: str, scripts: bool = True) -> None:
        """Load a page, with or without its scripts, and wait until it has loaded and painted."""
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        self.send("Page.navigate", url=address)
        until = time.monotonic() + PATIENCE
        while not self.named("Page.loadEventFired"):
            self.events.append(self._read(until))
        if scripts:
            self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")

    def named(self, method: str) -> list[dict[str, Any]]:
        """What the events of one name carry."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def press(self, key: str) -> None:
        """Press and release a key: Tab, Enter, Escape or Space."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r"), "Escape": (27, ""), "Space": (32, " ")}[key]
        name = " " if key == "Space" else key
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=name, code=key, windowsVirtualKeyCode=code, **more
            )

    def prefer(self, scheme: str, media: str = "") -> None:
        """Emulate a reader who prefers light or dark, on the screen or on paper ("print")."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Set the size of the window."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def screenshot(self) -> bytes:
        """The window as a PNG file."""
        return base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"])

    def pdf(self) -> bytes:
        """The page as printed."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])

    def _read(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._answers], [], [], max(0, until - time.monotonic()))
            piece = os.read(self._answers, 1 << 20) if ready else b""
            if not piece:
                raise ChromiumError("the browser does not answer" if not ready else "the browser has ended")
            self._rest += piece
        line, self._rest = self._rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def browse(command: str) -> Iterator[Tab]:
    """A tab of a browser that ends with the block."""
    browser_reads, commands = os.pipe()
    answers, browser_writes = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        launch = [sys.executable, "-c", _LAUNCH, str(browser_reads), str(browser_writes)]
        process = subprocess.Popen(
            [*launch, command, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(browser_reads, browser_writes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": profile},
        )
        os.close(browser_reads)
        os.close(browser_writes)
        try:
            yield Tab(commands, answers)
        finally:
            os.close(commands)
            os.close(answers)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def address_of(page: Path) -> str:
    """The address of a local file."""
    return page.resolve().as_uri()
