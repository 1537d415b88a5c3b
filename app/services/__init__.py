"""What the service does, noun by noun; each verb owns its transaction."""
