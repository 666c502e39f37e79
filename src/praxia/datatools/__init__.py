"""Tools for data sets: check, edit, exchange with other formats, record in real time, survey statistics. No torch."""
