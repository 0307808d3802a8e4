"""The service: a supervisor that owns jobs and never loads torch, and one spawned worker per device."""
