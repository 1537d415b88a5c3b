"""What the database holds."""

from tests.endings import Sql


def stored(sql: Sql, *but: str) -> list[str]:
    """Every row of every table but these, as text."""
    tables = sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [
        row
        for (table,) in tables
        if table not in but
        for (row,) in sql(f"SELECT '{table} ' || t FROM {table} t ORDER BY 1")
    ]
