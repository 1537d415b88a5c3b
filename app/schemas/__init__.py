"""What goes in and what comes out, noun by noun."""
