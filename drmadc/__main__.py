"""`python -m drmadc`"""

from drmadc.cli.main import main

main()
