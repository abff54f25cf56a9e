"""Streamlit parts, named after the page they serve. Only these and the pages know Streamlit."""
