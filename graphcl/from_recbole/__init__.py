"""RecBole's names, keys and settings as ours; RecBole itself is not needed for it."""
