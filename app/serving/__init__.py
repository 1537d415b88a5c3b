"""What gunicorn does not do by itself; gunicorn.conf.py puts it in place."""
