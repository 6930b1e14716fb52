"""`CloudBucketMount`: what the public API takes in `volumes=` beside Volumes. It can be made, and is refused at deploy."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .secret import Secret


class CloudBucketMount:
    """A bucket of an object store, as files. Not there yet: it can be defined, and a deploy refuses it."""

    def __init__(  # noqa: PLR0913 - the public API's signature
        self,
        bucket_name: str,
        bucket_endpoint_url: str | None = None,
        *,
        key_prefix: str | None = None,
        secret: Secret | None = None,
        oidc_auth_role_arn: str | None = None,
        read_only: bool = False,
        requester_pays: bool = False,
        force_path_style: bool = False,
    ) -> None:
        """bucket_name, bucket_endpoint_url, key_prefix: the bucket, its service, and the part of it to mount.
        secret, oidc_auth_role_arn: credentials. read_only, requester_pays, force_path_style: how it is used.
        """
        self.bucket_name = bucket_name
        self.bucket_endpoint_url = bucket_endpoint_url
        self.key_prefix = key_prefix
        self.secret = secret
        self.oidc_auth_role_arn = oidc_auth_role_arn
        self.read_only = read_only
        self.requester_pays = requester_pays
        self.force_path_style = force_path_style

    def __repr__(self) -> str:
        return f"CloudBucketMount({self.bucket_name!r})"
