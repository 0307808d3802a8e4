"""The wire protocol ``SVFR/1`` as values: messages, their framing, and what travels beside the header."""
