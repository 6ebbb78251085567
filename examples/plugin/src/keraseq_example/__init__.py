"""A plugin of keraseq: one layer and one family, found by entry points."""
