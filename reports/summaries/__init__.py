"""What is kept of a run that was read, in the user's cache folder: its next comparison opens none of its samples.

Nothing here is needed for an answer and nothing here changes one: what is missing, old, damaged or foreign counts as
not there, and the record is read.
"""
