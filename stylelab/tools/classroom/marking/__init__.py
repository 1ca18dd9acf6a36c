"""From a submission to its marks, in batches."""
