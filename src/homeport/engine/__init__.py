"""Containers as the control plane sees them: `local` runs them by the spawner, `logs` and `follow` read what they said."""
