"""`make bench`: measure, and write down what came of it."""

import signal
from pathlib import Path

import click

from bench import plots, report, results
from bench.goals import goals
from bench.jobs import least_users
from bench.load import BenchError
from bench.measuring import Bench
from bench.run import measure
from bench.servers import backends
from dev.environment import forget_postgres_client
from dev.running import temporary_folder

HERE = Path(__file__).parent


@click.command()
@click.option("--users", envvar="USERS", default=1_000_000, show_default=True)
@click.option("--rounds", envvar="ROUNDS", default=5, show_default=True)
@click.option("--seconds", envvar="SECONDS", default=3, show_default=True, help="Of each turn.")
def main(users: int, rounds: int, seconds: int) -> None:
    """Measure how fast the service is, and write bench/RESULTS.md."""
    least = least_users(rounds, seconds)
    if users < least:
        raise click.UsageError(f"So many rounds want {least:,} USERS, or take fewer of them.")
    # SIGTERM, too, ends it in a way that stops the servers.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    forget_postgres_client()
    try:
        with temporary_folder() as folder, backends(folder) as behind:
            measured = measure(Bench(behind, folder, rounds, seconds), users)
    except BenchError as error:
        raise click.ClickException(str(error)) from None
    results.write(measured, HERE / "rounds.json")
    plots.draw(measured, HERE / "plots")
    (HERE / "RESULTS.md").write_text(report.report(measured))
    click.echo(report.goals_table(goals(measured)))


if __name__ == "__main__":
    main()
