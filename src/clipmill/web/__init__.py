"""The service over HTTP: jobs, clips, live progress."""
