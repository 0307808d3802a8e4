"""The process that runs one job at a time on one device."""
