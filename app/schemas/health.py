"""How the service says it is."""

from marshmallow import Schema, fields, validate


class AliveOut(Schema):
    status = fields.String(required=True, validate=validate.Equal("alive"))


class ReadyOut(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["ready", "degraded"]))
    checks = fields.Dict(
        required=True,
        keys=fields.String(),
        values=fields.String(validate=validate.OneOf(["ok", "degraded"])),
        metadata={"example": {"postgresql": "ok", "migrations": "ok", "redis": "ok"}},
    )
