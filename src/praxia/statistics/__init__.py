"""Statistics of rows and of images, added up block by block. No data sets and no torch."""
