"""Keys of encrypted storages: made, kept, found again, and opened with a password when everything else is lost."""
