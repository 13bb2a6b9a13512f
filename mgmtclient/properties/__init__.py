"""The page of an item's properties: fields, marks of what changed, saving."""
