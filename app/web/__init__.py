"""Pages, charts and JSON API; everything is answered from our own database."""
