"""This machine as its kernel and drivers tell it: small files, memory, processors, GPU, programs, child processes.

Everything that reads /proc, /sys or NVML for another part does it here. Every function takes the root of the file
tree (or a :class:`Tree`) or the library to ask as an argument, so that a test hands it another machine.
"""
