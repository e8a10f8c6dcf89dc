"""What a running function may say and ask."""
