"""A small OCI registry client: references, manifests, authentication, politeness, guarded HTTP.

A library: it knows nothing of our database, web pages or settings. Import from its modules:
`reference` -> `manifest` -> `client`; everything that can go wrong with a registry is a `errors.RegistryError`.
"""
