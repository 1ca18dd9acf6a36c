"""The six style pictures of the kit, one module each; `draw(size)` returns the picture."""
