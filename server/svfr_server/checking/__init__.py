"""The process that reads and checks what clients send, so that the supervisor's loop never waits for it."""
