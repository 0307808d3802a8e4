"""EXR files byte for byte: container, headers, pixels; the plate read, the restored file written."""
