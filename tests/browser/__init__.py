"""The pages of the service as people use them, in Chromium."""
