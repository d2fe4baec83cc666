"""The root of the program: the command line, the doctor and the register of suites.

The only part of ``harness`` that knows ``suites`` and ``reports``, and that nothing else in ``harness`` imports
(``harness/__main__.py`` starts it): what measures does not know what is measured.
"""
