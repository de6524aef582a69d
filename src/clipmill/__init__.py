"""clipmill turns long videos into ranked, vertical, captioned clips."""

__version__ = "0.1.0"
