"""Persona Space: a map of the characters a language model plays, and how fine-tuning moves one."""

__version__ = "0.1.0"
