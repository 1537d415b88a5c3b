"""What `make run` and the tests stand on: real servers from wheels. Production never imports it."""
