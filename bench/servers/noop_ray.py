"""The same for Ray Serve: one replica that answers "ok". Started by `ray_serve.py` with an interpreter that has Ray."""

import contextlib
import sys
import time

import ray
from ray import serve


@serve.deployment(num_replicas=1, max_ongoing_requests=1000, logging_config={"enable_access_log": False})
class Noop:
    async def __call__(self, request: object) -> str:
        return "ok"


def main() -> None:
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Noop.bind())
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main()
