"""The extensions of the application, made once and bound to it by the factory."""

from flask_jwt_extended import JWTManager
from flask_sqlalchemy import SQLAlchemy

from app.cache import Cache
from app.exchange import Exchange
from app.limiter import Limiter
from app.models import Base
from app.queue import TaskQueue
from app.replica import Replica

# What a commit wrote is what was answered: nothing is read a second time after it.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
jwt = JWTManager()
replica = Replica()
exchange = Exchange()
cache = Cache(exchange)
limiter = Limiter(exchange)
task_queue = TaskQueue()
