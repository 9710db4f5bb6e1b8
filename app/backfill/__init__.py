"""Past sizes from registries: sibling tags and tag histories become builds that happened before we looked."""
