"""The shape of every error."""

from marshmallow import Schema, fields


class Problem(Schema):
    """RFC 9457."""

    type = fields.String(required=True)
    title = fields.String(required=True, metadata={"description": "The status in words"})
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "What went wrong"})
    code = fields.String(required=True, metadata={"description": "The same, for programs"})
    request_id = fields.String(required=True, metadata={"description": "Also in the logs"})
    checks = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "What is missing, part by part; from `/readyz`"},
    )
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "What is wrong, field by field; with `validation_error`"},
    )
