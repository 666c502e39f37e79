from data_fixtures import *  # noqa: F403 - the fixtures
