"""`import modal` in processes that the user's code starts: the real package where the image has it, else homeport.

This folder is on their PYTHONPATH. It steps aside at the first import, so that nothing else can tell that it was there.
"""

import sys

sys.path[:] = [path for path in sys.path if path != __file__.rpartition("/")[0]]
del sys.modules["modal"]

from homeport import alias  # noqa: E402 - only now is what is found under this name not this file

alias.install()
import modal  # noqa: E402, F401 - whoever imports this file gets what stands in sys.modules now
