"""The small root process that owns namespaces, cgroups and overlays and forks one shim per container. Contract: `wire`;
it imports the standard library and itself only, so that it starts fast and can be read alone.
"""
