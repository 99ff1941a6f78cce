"""Only what is new in a method and shared by no other: one small file each."""
