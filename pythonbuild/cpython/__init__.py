"""What the project knows of CPython itself: its extension modules, its Setup files, and its build read back."""
