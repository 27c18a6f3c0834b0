"""A real headless Chromium for tests, driven over its own protocol."""

import asyncio
import base64
import json
import shutil
import subprocess
import time

import aiohttp

from tests.servers import stop

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 300


def found_browser():
    """The path of a Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def waited_for(look, what, told=lambda: ""):
    """Wait until a function finds something, and return that."""
    until = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < until, f"{what} did not come: {told()}"
        time.sleep(0.2)
    return found


class Browser:
    """One page of a headless Chromium; a context manager."""

    def __init__(self, folder):
        self._folder = folder
        self._number = 0

    def __enter__(self):
        command = [found_browser(), "--headless", "--no-sandbox", "--disable-gpu"]
        command += ["--disable-dev-shm-usage", "--window-size=1700,1150", "--no-first-run"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={self._folder}", "about:blank"]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._loop = asyncio.new_event_loop()
        try:
            port = waited_for(self._port, "Chromium")
            self._within_patience(self._connect(port))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_):
        self._within_patience(self._client.close())
        self._end()

    def open(self, address):
        """Go to an address; what it loads comes later."""
        self._ask("Page.navigate", url="about:blank")  # another fragment alone would load nothing
        self._ask("Page.navigate", url=address)

    def value(self, expression, session=None):
        """What JavaScript says in the page, or in a frame's session; None while it changes."""
        params = {"expression": expression, "returnByValue": True}
        found = self._ask("Runtime.evaluate", session, **params)
        return found.get("result", {}).get("result", {}).get("value")

    def framed(self, expression):
        """What JavaScript says in the page's frame of another origin; None before there is one."""
        targets = self._ask("Target.getTargets")["result"]["targetInfos"]
        frames = [one["targetId"] for one in targets if one["type"] == "iframe"]
        if not frames:
            return None
        found = self._ask("Target.attachToTarget", targetId=frames[0], flatten=True)
        session = found.get("result", {}).get("sessionId")
        return self.value(expression, session) if session else None

    def shoot(self, path):
        """Write what is seen now as a png."""
        found = self._ask("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(found["result"]["data"]))

    def text(self):
        """All that can be read on the page."""
        return self.value("document.body ? document.body.innerText : ''") or ""

    def text_with(self, *parts):
        """Wait until all parts can be read, and return the page's text."""

        def look():
            text = self.text()
            return text if all(part in text for part in parts) else None

        return waited_for(look, f"{parts}", lambda: self.text()[:3000])

    def _port(self):
        told = self._folder / "DevToolsActivePort"
        words = told.read_text().split() if told.is_file() else []
        return words[0] if len(words) > 1 else None

    def _end(self):
        stop(self._process)
        self._loop.close()

    def _ask(self, method, session=None, **params):
        return self._within_patience(self._asked(method, params, session))

    def _within_patience(self, waiting):
        return self._loop.run_until_complete(asyncio.wait_for(waiting, PATIENCE_S))

    async def _connect(self, port):
        self._client = aiohttp.ClientSession()
        pages = []
        while not pages:
            async with self._client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            await asyncio.sleep(0.1)
        address = pages[0]["webSocketDebuggerUrl"]
        self._socket = await self._client.ws_connect(address, max_msg_size=0)

    async def _asked(self, method, params, session):
        self._number += 1
        told = {"id": self._number, "method": method, "params": params}
        await self._socket.send_json(told | ({"sessionId": session} if session else {}))
        async for message in self._socket:
            found = json.loads(message.data)
            if found.get("id") == self._number:
                return found
        raise AssertionError("Chromium is gone")
