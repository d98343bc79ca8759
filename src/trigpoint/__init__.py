"""trigpoint learns a place from photos, then tells for any new photo where the camera stood."""
