"""What people write into files: YAML as numbers, texts and lists, and checked against configuration dataclasses."""
