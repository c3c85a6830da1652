"""Many files in one process, one a tenant."""
