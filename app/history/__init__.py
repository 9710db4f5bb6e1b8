"""What is known: queries on images, series, builds and on the health of the collecting.

Each function takes a session and returns frozen dataclasses; no row of the ORM leaves this package.
`record` writes what polling found, everything else only reads.
"""
