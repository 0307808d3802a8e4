"""The stage that trains the detail network on what a preview model makes of damaged clips."""
