"""How an answer is called, compared and described in words."""
