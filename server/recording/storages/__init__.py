"""The storages of a recorder: where each device records, what a failing disk means, and evidence locks."""
