"""Data sets in object stores: the same API at `s3://bucket/name`, `gs://...` and `az://...`.

A data set has the same keys in a bucket as files in a folder, so every Zarr library reads it there, and a
copy by any tool is a data set. What is read is kept in a local mirror and checked by its SHA-256.
"""
