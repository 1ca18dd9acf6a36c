"""Files that are copied into the sandbox. They import nothing of stylelab that knows an answer."""
