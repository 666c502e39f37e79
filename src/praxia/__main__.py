"""`python -m praxia` is `praxia`."""

from praxia.cli.main import main

if __name__ == "__main__":
    main()
