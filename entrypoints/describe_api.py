"""Print the API's description as it is served: ``python -m entrypoints.describe_api > docs/openapi.json``."""

import json
import sys
from typing import Any

from entrypoints.asgi import ROUTED
from entrypoints.http.app import create_app
from entrypoints.http.description import api_description


def described() -> str:
    """The document with its names in order, so that two of them compare line by line."""

    def never() -> Any:
        raise RuntimeError("describing the API uses none of it")

    app = create_app(dict.fromkeys(ROUTED, never), readiness=dict)
    return json.dumps(api_description(app), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(described())
