"""Images: from a recipe to layers that can be mounted. buildah builds and stores; this package asks it and remembers."""

from .builder import BuildahImages
from .settings import ImageSettings

__all__ = ["BuildahImages", "ImageSettings"]
