"""Asking registries: what is due, the cheapest honest question, and the record of the answer."""
