#!/bin/sh
exec "$@" --index "$SLURM_ARRAY_TASK_ID"
