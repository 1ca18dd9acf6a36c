"""How a step is made fast; not needed to understand one."""
