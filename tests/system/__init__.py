"""The deployment as plain processes: Debian's servers with the very files of deploy/."""
