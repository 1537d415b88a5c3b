"""How a deployment is configured, and how it is told what is wrong."""
