"""The verb that prints the schema of configurations."""

import json


def schema() -> None:
    """Print the JSON schema of configurations, by which editors complete and check them."""
    from softnce.terminal.output import say
    from tune_spaces.space.schema import configuration_schema

    say(json.dumps(configuration_schema(), indent=2))
