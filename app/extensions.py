"""The extensions of the application, made once and bound to it by the factory."""

from flask_jwt_extended import JWTManager
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy

from app.cache import Cache
from app.counts import SCHEME
from app.models import Base
from app.queue import TaskQueue
from app.replica import Replica

# What a commit wrote is what was answered: nothing is read a second time after it.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
migrate = Migrate()
jwt = JWTManager()
replica = Replica()
cache = Cache()
limiter = Limiter(
    get_remote_address,
    # One count a request, where sliding windows would be read and written.
    strategy="fixed-window",
    storage_uri=f"{SCHEME}://",
    storage_options={"cache": cache},  # type: ignore[dict-item]
)
task_queue = TaskQueue()
