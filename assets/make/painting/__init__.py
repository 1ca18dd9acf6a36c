"""The six style images of the kit, one module each; `draw(size)` returns the image."""
