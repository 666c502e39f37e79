"""Pages and tables for people: results, videos, training curves and the provenance of every number. No torch."""
