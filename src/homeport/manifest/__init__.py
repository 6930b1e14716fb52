"""The contract between the user's side and the platform: what an App is, as a value."""
