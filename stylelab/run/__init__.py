"""A run from its options to its result: checked, prepared, collected, recorded."""
