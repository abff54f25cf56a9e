"""A process that holds one model: talks, steers, teaches, and tells the dashboard."""
