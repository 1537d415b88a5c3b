"""What the mails say and how they are addressed, whatever the address and the facts."""
