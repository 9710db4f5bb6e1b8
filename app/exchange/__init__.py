"""History as files: what others recorded comes in, what we recorded goes out."""
