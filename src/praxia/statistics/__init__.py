"""Statistics of rows and of images, accumulated block by block. No data sets and no torch."""
