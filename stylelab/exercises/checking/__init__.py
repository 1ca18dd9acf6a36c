"""How an answer is called, judged and described in words."""
