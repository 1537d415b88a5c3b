"""`make chaos`: what the service promises, held against what happens while things break."""
