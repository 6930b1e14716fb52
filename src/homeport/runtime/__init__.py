"""The control plane's side of the spawner: its socket, its process, and the files it leaves about each container."""
