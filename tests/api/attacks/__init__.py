"""What an attacker would try, on every route that there is."""
