"""Run one claim to its outcome."""
