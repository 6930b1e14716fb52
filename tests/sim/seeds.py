"""Seeds that once found a bug, each with its story. They are run first, and never removed."""

from __future__ import annotations

PINNED = {
    4: "a rollout whose containers found no room rolled for ever",
    8: "stopping one container by hand cut the requests of one that was draining already",
    32: "an App deployed anew under the name of one that was still stopping shared its URL with it",
    53: "a drain fact from before the drain ended it while requests were in flight",
    100: "the journal held another wake-up time than the World after a restart",
}
