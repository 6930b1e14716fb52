"""The one tree of errors that people meet. Owns their names and nothing else: no I/O, no HTTP, no printing.

    Error
    ├── InvalidError            something that was asked for is not valid (also names, parameters, manifests)
    │   └── UsageError          the command line itself was wrong (exit code 2)
    ├── NotFoundError           the thing that was named does not exist
    ├── AlreadyExistsError      the thing that should be made exists
    ├── ConflictError           somebody else is changing the same thing, or it is in a state that forbids the change
    ├── AuthError               no credentials, or wrong ones
    ├── PermissionDeniedError   good credentials without the right
    ├── ConnectionError         the platform did not answer
    ├── ExecutionError          it was valid, but it could not be carried out
    │   ├── DeployError         a rollout ended as failed
    │   └── PlatformError       this machine lacks something the platform needs
    ├── ResourceExhaustedError  a limit was reached (size, disk, capacity)
    └── RemoteError             code on the other side failed
        └── ImageBuildError     an image could not be built

Every message is one sentence or line: what happened, to what, and what to do next. Only that of an ImageBuildError has
more: the last lines of what the build said.
"""

from __future__ import annotations


class Error(Exception):
    """Root of all errors that homeport raises on purpose. `str(error)` is fit to be shown to a person."""

    code = "error"

    @property
    def message(self) -> str:
        """One sentence or line for a person: what happened, to what, and what to do next."""
        return str(self.args[0]) if self.args else self.__class__.__name__


class InvalidError(Error):
    code = "invalid"


class UsageError(InvalidError):
    code = "usage"


class NotFoundError(Error):
    code = "not_found"


class AlreadyExistsError(Error):
    code = "already_exists"


class ConflictError(Error):
    code = "conflict"


class AuthError(Error):
    code = "auth"


class PermissionDeniedError(Error):
    code = "permission_denied"


class ConnectionError(Error):  # noqa: A001 - the public API's name for it
    code = "connection"


class ExecutionError(Error):
    code = "execution"


class DeployError(ExecutionError):
    code = "deploy"


class PlatformError(ExecutionError):
    code = "platform"


class ResourceExhaustedError(Error):
    code = "resource_exhausted"


class RemoteError(Error):
    code = "remote"


class ImageBuildError(RemoteError):
    """`image_id`: the build's (`im-…`), for `homeport image logs`; empty where none is known."""

    code = "image_build"

    def __init__(self, message: str = "", image_id: str = "") -> None:
        super().__init__(message)
        self.image_id = image_id


def from_code(code: str, message: str, image_id: str = "") -> Error:
    """The error that stands for `code` on the wire (see `Error.code`); an unknown code gives a plain `Error`.

    image_id: of the build that failed, for an ImageBuildError.
    """
    kind = _by_code().get(code, Error)
    return kind(message, image_id) if issubclass(kind, ImageBuildError) else kind(message)


def _by_code() -> dict[str, type[Error]]:
    found: dict[str, type[Error]] = {}
    todo = [Error]
    while todo:
        kind = todo.pop()
        found[kind.code] = kind
        todo.extend(kind.__subclasses__())
    return found
