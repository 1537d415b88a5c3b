"""The service as it is deployed under what befalls it, in minutes: `make test-system`."""
