"""`partner-api webhooks …`: those of all MSPs."""

import typer

from partner_api.commands.administering import administer
from partner_api.config import parse_secret_keys
from partner_api.operations.administration import Administration
from partner_api.operations.environment import read_settings, secret_keys

app = typer.Typer(name="webhooks", help="Webhooks of all MSPs.", no_args_is_help=True)


@app.command("reseal")
def reseal_webhooks() -> None:
    """Encrypt every webhook's secret with the first of PARTNER_API_SECRET_KEYS."""

    async def reseal(operator: Administration) -> int:
        return await operator.reseal_webhooks(parse_secret_keys(secret_keys(read_settings())))

    typer.echo(f"Encrypted with the first key: the secrets of {administer(reseal)} webhooks")
