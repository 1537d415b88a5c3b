"""The routes: each a schema in, one service call, a schema out."""

from app.api import codes, oauth, recovery, verification
from app.api.auth import blueprint as auth
from app.api.health import blueprint as health
from app.api.referrals import blueprint as referral

# The other modules add their views to the blueprints of referrals and auth.
BLUEPRINTS = (auth, referral, health)

__all__ = ["BLUEPRINTS", "codes", "oauth", "recovery", "verification"]
