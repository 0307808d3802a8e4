"""The process that runs jobs on one device, the next one beside the last frames of the one before."""
