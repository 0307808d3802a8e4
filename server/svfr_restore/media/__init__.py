"""Pictures in and out: EXR sequences, stills and movies as plates; restored EXR, previews and sheets."""
