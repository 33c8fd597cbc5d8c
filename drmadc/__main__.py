"""`python -m drmadc`"""

from drmadc.cli import main

main()
