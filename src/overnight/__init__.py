"""Long-running Python tasks that survive: start it, log off, get told when it is done."""
