"""The networks: UNet, picture codecs, identity encoders. No files of models, no loops."""
