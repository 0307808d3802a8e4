"""One module per command of ``svfr``. At import they only define options; the work is imported when run."""
