"""What is to be run, as told by the environment, and how it is imported. Knows nothing of lifecycles and signals."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

VARIABLES = ("HOMEPORT_GUEST_MODULE", "HOMEPORT_GUEST_PATH", "HOMEPORT_GUEST_CLASS")


class Entry:
    """`path` is relative to `root`, or empty when `module` is imported by its name."""

    def __init__(self, module: str, path: str, qualname: str, places: tuple[str, str]) -> None:
        self.module = module
        self.path = path
        self.qualname = qualname
        self.root, self.lib = places

    @classmethod
    def from_environment(cls, root: str, lib: str) -> Entry:
        """Takes the variables out of the environment, so that the user's code does not see them. Raises KeyError."""
        module, path, qualname = (os.environ.pop(name) for name in VARIABLES)
        return cls(module, path, qualname, (root, lib))

    def prepare(self) -> None:
        """Makes this process look like a Python that was started by hand on the user's file."""
        from . import searchpath

        os.environ.setdefault("PYTHONUNBUFFERED", "1")  # for the processes that the user's code starts
        _unbuffer(sys.stdout)
        _unbuffer(sys.stderr)
        searchpath.install([self.root, self.lib])
        searchpath.tell_children(self.lib)
        file = f"{self.root}/{self.path}" if self.path else ""
        folder = os.path.dirname(file)
        if file and folder != self.root:
            sys.path.insert(1, folder)  # as `python sub/file.py` has it
        sys.argv = [file or self.module]

    def load(self) -> type:
        """Imports the user's module and returns the class. Raises whatever the user's code raises, also what
        `with image.imports()` kept if that image is the Server's, or AttributeError.
        """
        found = self.find()
        image = getattr(found, "_image", None)
        for error in getattr(image, "_failed_imports", ()):
            raise error
        wrapped = found if isinstance(found, type) else getattr(found, "_user_cls", None)
        if not isinstance(wrapped, type):
            raise AttributeError(f"{self.qualname} in {self.path or self.module} is not the class of a Server")
        return wrapped

    def find(self) -> object:
        """Imports the user's module and returns what has the name. Raises what the user's code raises, or AttributeError."""
        from homeport import alias

        alias.install()
        found: object = self._load_file() if self.path else self._load_module()
        for name in self.qualname.split("."):
            found = getattr(found, name)
        return found

    def _load_module(self) -> ModuleType:
        __import__(self.module)
        return sys.modules[self.module]

    def _load_file(self) -> ModuleType:
        # The loader itself: a file's stem need not be a name that `import` could say.
        from _frozen_importlib import ModuleSpec, module_from_spec
        from _frozen_importlib_external import SourceFileLoader

        file = f"{self.root}/{self.path}"
        loader = SourceFileLoader(self.module, file)
        spec = ModuleSpec(self.module, loader, origin=file)
        spec.has_location = True
        module = module_from_spec(spec)
        sys.modules[self.module] = module
        loader.exec_module(module)
        return module


def _unbuffer(stream: object) -> None:
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(line_buffering=True, write_through=True)
