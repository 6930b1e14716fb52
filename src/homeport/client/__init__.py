"""Talks to a platform over HTTP: which one, as whom, and one method per route."""
