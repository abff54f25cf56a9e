"""Files of the field, read as data: nothing in them is ever executed."""
