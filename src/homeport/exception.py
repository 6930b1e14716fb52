"""The errors of homeport under the public API's name for them: `homeport.exception.NotFoundError`. Defines nothing."""

from .errors import (
    AlreadyExistsError,
    AuthError,
    ConflictError,
    ConnectionError,  # noqa: A004 - the public API's name for it
    DeployError,
    Error,
    ExecutionError,
    ImageBuildError,
    InvalidError,
    NotFoundError,
    PermissionDeniedError,
    PlatformError,
    RemoteError,
    ResourceExhaustedError,
    UsageError,
)

__all__ = [
    "AlreadyExistsError",
    "AuthError",
    "ConflictError",
    "ConnectionError",
    "DeployError",
    "Error",
    "ExecutionError",
    "ImageBuildError",
    "InvalidError",
    "NotFoundError",
    "PermissionDeniedError",
    "PlatformError",
    "RemoteError",
    "ResourceExhaustedError",
    "UsageError",
]
