"""Every pair of a content and a style image, on Dask."""
