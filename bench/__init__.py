"""`make bench`: how fast the service is, beside what the machine allows."""
