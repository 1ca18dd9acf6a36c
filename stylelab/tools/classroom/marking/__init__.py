"""Mark submissions, one by one and in batches."""
