"""The process that owns jobs, clients and workers. Never loads torch, never computes a pixel."""
