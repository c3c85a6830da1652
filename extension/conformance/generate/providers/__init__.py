"""Providers whose cases are their own."""
