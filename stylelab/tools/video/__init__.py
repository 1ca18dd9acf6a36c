"""Paint a film: read its frames one by one, paint each so that it does not flicker, and write a film again."""
