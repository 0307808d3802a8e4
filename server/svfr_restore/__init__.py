"""One restoration job without sockets: plate, shots, faces, crops, model, delta, and the plate again."""
