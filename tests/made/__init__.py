"""Makers of test data: studies, tables, runs, role vectors, a server."""
