"""People who keep asking a URL while a test does something to what is behind it."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from dataclasses import dataclass, field

from e2e_harness import REQUEST_LIMIT_S, ask, connect, wait_until


@dataclass
class Load:
    """People who keep asking, some over one connection and some with a new one for each request. Use as a context."""

    url: str
    path: str = "/"
    keep_alive: int = 3
    fresh: int = 2
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        kinds = [True] * self.keep_alive + [False] * self.fresh
        self._threads = [threading.Thread(target=self._client, args=(kind,), daemon=True) for kind in kinds]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(REQUEST_LIMIT_S + 5)

    def more(self, count: int = 100) -> None:
        """Waits for so many more answers."""
        end = self.answers.total() + count
        wait_until(lambda: self.answers.total() >= end, f"{count} more answers (failures: {self.failures[:3]})")

    def anew(self) -> None:
        """Only answers to requests that are sent from now on are counted."""
        self.answers = Counter()

    def until(self, text: str, count: int = 20) -> None:
        """Waits until this was answered so often."""
        wait_until(lambda: self.answers[text] >= count, f"{text!r} {count} times")

    def _client(self, keep_alive: bool) -> None:
        connection = connect(self.url)
        while not self._over.wait(0.002):
            answers = self.answers
            try:
                answer = ask(connection, self.url, self.path)
                if answer.status == 200:
                    answers[answer.text] += 1
                else:
                    self.failures.append(f"{answer.status} {answer.text}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                connection.close()
            if not keep_alive:
                connection.close()
        connection.close()
