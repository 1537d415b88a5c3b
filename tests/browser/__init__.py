"""The services outside, each met as a real server on loopback that answers as told."""
