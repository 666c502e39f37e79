import sys
from pathlib import Path

import pytest

# `damage` and `trial` are separate modules because the command `mutations.py` uses them too.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """Healthy data sets by name, as files, and everything that can be read in each."""
    import damage
    from trial import read_truth

    folder = tmp_path_factory.mktemp("healthy")
    bases = damage.healthy(folder, {"v2.1": damage.OTHERS["v2.1"]})
    return bases, {base: read_truth(folder / base) for base in bases}
