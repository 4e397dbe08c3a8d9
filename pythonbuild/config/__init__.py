"""The YAML files as typed, validated, frozen objects; every error names file and key."""
