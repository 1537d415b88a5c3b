"""Workers that send, a broker and a mail server, all of which may be lost."""
