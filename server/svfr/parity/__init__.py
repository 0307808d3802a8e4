"""Whether this code computes what the published code computed: recorded vectors and their check."""
