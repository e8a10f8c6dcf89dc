"""What brings jobs to workers: `inline`, here and now; `native`, workers that claim from the store."""
