"""Data sets of other projects, both ways: one module a format, listed in `registry.FORMATS`."""

from robot_rl.datasets.convert.options import ConvertOptions, Report
from robot_rl.datasets.convert.registry import FORMATS, export_dataset, import_dataset

__all__ = ["FORMATS", "ConvertOptions", "Report", "export_dataset", "import_dataset"]
