# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs of this folder as modules, whose names have no ending."""

import importlib.machinery
import importlib.util
import sys


def load(path):
    """The program at that path, which does not run."""
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    sys.modules[path.name] = module
    loader.exec_module(module)
    return module
