"""Pages that people read: results, films, curves and where every number came from. No torch."""
