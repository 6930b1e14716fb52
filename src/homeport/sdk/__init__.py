"""What users write with: Apps, Servers, Images. Also imported inside containers, so nothing is imported here."""
