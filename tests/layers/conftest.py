import os
import sys

# The helpers beside the tests, whatever pytest's import mode.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
