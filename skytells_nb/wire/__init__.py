"""The conversation with the API, without any I/O."""
