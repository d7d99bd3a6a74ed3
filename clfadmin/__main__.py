"""`python -m clfadmin` is the same as `clfadmin`."""

from clfadmin.cli import main

if __name__ == "__main__":
    main()
