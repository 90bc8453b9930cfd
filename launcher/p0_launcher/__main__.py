"""`python -m p0_launcher`: the `p0` command where no script is installed."""

from p0_launcher.main import main

main()
