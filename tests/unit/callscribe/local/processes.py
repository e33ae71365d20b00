"""Programs and processes that only exist in the test."""

import asyncio


class FakeProcess:
    """Runs until it is told to end."""

    def __init__(self, pid, words=""):
        self.pid = pid
        self.last_words = words
        self.ended = asyncio.get_running_loop().create_future()
        self.asked = 0

    def die(self, code):
        if not self.ended.done():
            self.ended.set_result(code)

    async def wait(self):
        return await asyncio.shield(self.ended)

    async def stop(self, deadline):
        self.asked += 1
        self.die(0)
        return True

    def kill(self):
        self.die(-9)


class FakeProgram:
    """Starts processes 1, 2, 3, ... and says of each what `unready` says."""

    name = service = "vad"

    def __init__(self, unready=None):
        self.unready = unready
        self.started = []
        self.refused = 0

    async def start(self):
        if self.refused:
            self.refused -= 1
            raise OSError("no more processes")
        self.started.append(FakeProcess(len(self.started) + 1, "\n    loading\n    oops\n    "))
        return self.started[-1]

    def probe(self):
        return self.unready


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)
