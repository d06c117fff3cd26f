"""An API process that asks nobody who they are, to tell what asking costs: the measured door."""

import sys

from starlette.requests import Request

from partner_api import app
from partner_api.kernel.ids import parse_msp_id
from partner_api.surfaces.partner import routing
from partner_api.surfaces.partner.services import Services
from partner_api.tenancy.principal import Principal, Scope


def main() -> None:
    """Serve as `partner_api.app` does; every caller is the MSP named second."""
    msp_id = parse_msp_id(sys.argv[2])
    assert msp_id is not None
    everybody = Principal(msp_id, "bench", frozenset(Scope))

    async def authenticate(_request: Request, _services: Services) -> Principal:
        return everybody

    setattr(routing, "authenticate", authenticate)  # noqa: B010 - it is not routing's to give away
    app.main()


if __name__ == "__main__":
    main()
