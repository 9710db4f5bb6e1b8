"""An imitation of container registries over real HTTP: what `make demo` polls and what the tests ask.

It shares no code with `app.registry`, so that one checks the other. The flow: `documents` builds manifests and
configs, `world` says which tag pointed where and when, `registry` answers requests about it in the manner of an
`options` preset, `faults` spoils answers on purpose, `serve` puts it on a port.
"""
