"""Face data: the bundle format and the synthetic faces."""
